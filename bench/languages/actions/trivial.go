package action

import "codeactions"

func Run(engine *codeactions.Engine) error {
	return engine.Result.Set(map[string]string{"hello": engine.Params.Get("name")})
}
