"""Forms: fields and files, urlencoded and multipart."""

import pytest
from conformance.forms import FORMS, MORE_FORMS, MULTIPART, URLENCODED
from conformance.languages import LANGUAGES, Language, run

# Every field in order: [name, text], or [name, file name, type, bytes]. In Go it is its own library that reads forms.
READ = {
    "python": """
        def Run(engine):
            told = []
            form = engine.request.form()
            for name in form:
                for one in form.all(name):
                    told.append([name, one] if isinstance(one, str) else [name, one.name, one.type, list(one.bytes)])
            engine.result.set(told)
    """,
    "javascript": """
        export async function Run(engine) {
            const told = [];
            for (const [name, one] of engine.request.form()) {
                if (typeof one === "string") told.push([name, one]);
                else told.push([name, one.name, one.type.split(";")[0], [...new Uint8Array(await one.arrayBuffer())]]);
            }
            engine.result.set(told);
        }
    """,
    "go": """
        func Run(engine *codeactions.Engine) (any, error) {
            request, told := web.Request(engine), [][]any{}
            if err := request.ParseMultipartForm(1 << 20); err != nil && err != http.ErrNotMultipart {
                return nil, err
            }
            for _, name := range slices.Sorted(maps.Keys(request.PostForm)) {
                for _, value := range request.PostForm[name] {
                    told = append(told, []any{name, value})
                }
            }
            if request.MultipartForm == nil {
                return told, nil
            }
            for name, files := range request.MultipartForm.File {
                for _, header := range files {
                    file, _ := header.Open()
                    content, _ := io.ReadAll(file)
                    numbers := []int{}
                    for _, one := range content {
                        numbers = append(numbers, int(one))
                    }
                    told = append(told, []any{name, header.Filename, header.Header.Get("Content-Type"), numbers})
                }
            }
            return told, nil
        }
    """,
}
HAVE_FORM = ["python", "javascript"]  # the languages with a form() of the engine's own
SAID = [(language, name) for language in LANGUAGES for name in FORMS]
SAID += [(language, name) for language in HAVE_FORM for name in MORE_FORMS]


@pytest.mark.parametrize(("language", "name"), SAID, indirect=["language"])
def test_a_form_is_read(language: Language, name: str) -> None:
    content_type, content, expected = (FORMS | MORE_FORMS)[name]
    answer = language.call(READ, content=content, headers={"Content-Type": content_type})
    assert answer.status_code == 200, language.record(answer)["extra"]["error"]
    assert answer.json() == expected


@pytest.mark.parametrize("language", HAVE_FORM, indirect=True)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_form_may_come_by_any_method_and_be_empty(language: Language, method: str) -> None:
    sent = language.call(READ, method=method, content=b"a=1", headers={"Content-Type": URLENCODED})
    assert sent.json() == [["a", "1"]]
    assert language.call(READ, method=method).json() == []


@pytest.mark.parametrize("language", HAVE_FORM, indirect=True)
@pytest.mark.parametrize(
    ("content_type", "content", "message"),
    [
        ("application/json", b"{}", "the body is no form: its Content-Type is application/json, not "),
        ("", b"a=1", "the body is no form: it has no Content-Type, not "),
        ("multipart/form-data", b"--X--", "the form has no boundary in its Content-Type"),
        (MULTIPART, b"", "the form has no part: its boundary --X is not in it"),
        (MULTIPART, b"a=1", "the form has no part: its boundary --X is not in it"),
        (MULTIPART, b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1', "the form ends early"),
        (MULTIPART, b'--X\r\nContent-Disposition: form-data; name="a"\r\n', "the form "),
        (MULTIPART, b'--X and more\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--', "the form "),
        (MULTIPART, b"--X\r\nContent-Disposition: form-data\r\n\r\n1\r\n--X--", "a part of the form has no name"),
    ],
)
def test_a_body_that_is_no_form_is_a_clear_error(
    language: Language, content_type: str, content: bytes, message: str
) -> None:
    error = language.failure(language.call(READ, content=content, headers={"Content-Type": content_type}))
    assert error["type"] == "exception"
    assert error["message"].partition(": ")[2].startswith(message)


def test_a_field_and_a_file_are_read_by_their_names(language: Language) -> None:
    sources = run(
        python="""
            form = engine.request.form()
            file = form["photo"]
            return [form.get("a"), form.get("b"), form.all("a"), "photo" in form, file.size, file.text(), file.read() == bytes(file)]
        """,
        javascript="""
            const form = await engine.request.form(), file = form.get("photo");
            return [form.get("a"), form.get("b"), form.getAll("a"), form.has("photo"), file.size, await file.text(), file instanceof File];
        """,
        go="""
            request := web.Request(engine)
            file, header, err := request.FormFile("photo")
            if err != nil {
                return nil, err
            }
            content, _ := io.ReadAll(file)
            form := request.MultipartForm.Value
            _, there := form["b"]
            return []any{form["a"][0], map[bool]any{false: nil}[there], form["a"], header != nil, header.Size, string(content), true}, nil
        """,
    )
    answer = language.call(
        sources,
        data={"a": ["1", "2"]},
        files={"photo": ("a.txt", "Grüße".encode(), "text/plain")},
    )
    assert answer.json() == ["1", None, ["1", "2"], True, 7, "Grüße", True]


@pytest.mark.parametrize("language", HAVE_FORM, indirect=True)
def test_a_large_form_is_read(language: Language) -> None:
    content = bytes(range(256)) * 16 * 1024
    sources = run(
        python='return engine.request.form()["f"].bytes',
        javascript='return engine.request.form().get("f").arrayBuffer();',
    )
    assert language.call(sources, files={"f": ("a", content)}).content == content
