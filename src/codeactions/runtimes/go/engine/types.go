package codeactions

import (
	"fmt"
	"strings"
)

// shortTypes tells what a content type of one word means. runtimes/protocol.py has the table. It is no map, which would be
// made anew at each start.
var shortTypes = [...][2]string{
	{"text", "text/plain; charset=utf-8"},
	{"txt", "text/plain; charset=utf-8"},
	{"html", "text/html; charset=utf-8"},
	{"htm", "text/html; charset=utf-8"},
	{"xhtml", "application/xhtml+xml; charset=utf-8"},
	{"json", "application/json"},
	{"ndjson", "application/x-ndjson"},
	{"jsonl", "application/x-ndjson"},
	{"jsonld", "application/ld+json"},
	{"geojson", "application/geo+json"},
	{"xml", "application/xml; charset=utf-8"},
	{"csv", "text/csv; charset=utf-8"},
	{"tsv", "text/tab-separated-values; charset=utf-8"},
	{"css", "text/css; charset=utf-8"},
	{"js", "text/javascript; charset=utf-8"},
	{"javascript", "text/javascript; charset=utf-8"},
	{"md", "text/markdown; charset=utf-8"},
	{"markdown", "text/markdown; charset=utf-8"},
	{"yaml", "application/yaml; charset=utf-8"},
	{"yml", "application/yaml; charset=utf-8"},
	{"toml", "application/toml; charset=utf-8"},
	{"ics", "text/calendar; charset=utf-8"},
	{"vcf", "text/vcard; charset=utf-8"},
	{"rss", "application/rss+xml; charset=utf-8"},
	{"atom", "application/atom+xml; charset=utf-8"},
	{"form", "application/x-www-form-urlencoded"},
	{"sse", "text/event-stream; charset=utf-8"},
	{"binary", "application/octet-stream"},
	{"bin", "application/octet-stream"},
	{"octet-stream", "application/octet-stream"},
	{"pdf", "application/pdf"},
	{"epub", "application/epub+zip"},
	{"rtf", "application/rtf"},
	{"zip", "application/zip"},
	{"gzip", "application/gzip"},
	{"gz", "application/gzip"},
	{"bz2", "application/x-bzip2"},
	{"7z", "application/x-7z-compressed"},
	{"tar", "application/x-tar"},
	{"wasm", "application/wasm"},
	{"doc", "application/msword"},
	{"xls", "application/vnd.ms-excel"},
	{"ppt", "application/vnd.ms-powerpoint"},
	{"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
	{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	{"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
	{"odt", "application/vnd.oasis.opendocument.text"},
	{"ods", "application/vnd.oasis.opendocument.spreadsheet"},
	{"odp", "application/vnd.oasis.opendocument.presentation"},
	{"png", "image/png"},
	{"jpg", "image/jpeg"},
	{"jpeg", "image/jpeg"},
	{"gif", "image/gif"},
	{"webp", "image/webp"},
	{"avif", "image/avif"},
	{"bmp", "image/bmp"},
	{"tiff", "image/tiff"},
	{"tif", "image/tiff"},
	{"svg", "image/svg+xml; charset=utf-8"},
	{"ico", "image/vnd.microsoft.icon"},
	{"mp3", "audio/mpeg"},
	{"m4a", "audio/mp4"},
	{"aac", "audio/aac"},
	{"wav", "audio/wav"},
	{"ogg", "audio/ogg"},
	{"opus", "audio/ogg"},
	{"flac", "audio/flac"},
	{"mp4", "video/mp4"},
	{"mov", "video/quicktime"},
	{"avi", "video/x-msvideo"},
	{"mpeg", "video/mpeg"},
	{"webm", "video/webm"},
	{"woff", "font/woff"},
	{"woff2", "font/woff2"},
	{"ttf", "font/ttf"},
	{"otf", "font/otf"},
}

// fullType returns what a content type means, or an error for what is none.
func fullType(contentType string) (string, error) {
	word, parameters, hasParameters := strings.Cut(contentType, ";")
	word = strings.Trim(word, " \t")
	if kind, subtype, _ := strings.Cut(word, "/"); isToken(kind) && isToken(subtype) {
		return contentType, nil
	}
	name := strings.ToLower(word)
	names := []string{}
	for _, known := range shortTypes {
		if known[0] == name {
			if !hasParameters {
				return known[1], nil
			}
			plain, _, _ := strings.Cut(known[1], ";")
			return plain + ";" + parameters, nil
		}
		names = append(names, known[0])
	}
	return "", fmt.Errorf("there is no content type %s; there are MIME types, such as text/plain, and the short names %s",
		shown(contentType), strings.Join(names, ", "))
}
