// One call in one process, as services without warm sandboxes start it. It reads the call as JSON from standard input
// and writes the result as JSON to standard output. The action is compiled in.
package main

import (
	"encoding/json"
	"os"
)

func main() {
	var call struct {
		Params map[string]string `json:"params"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&call); err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"hello": call.Params["name"]}); err != nil {
		panic(err)
	}
}
