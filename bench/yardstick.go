// The yardstick: what Go's net/http costs on this machine for the health check that the peer was measured with.
//
// The peer's figures were taken on a machine like this one, at another hour. This program's ratio to the peer's own
// health check says how much slower or faster the machine is now.
package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString(listener.Addr().String() + "\n")
	http.HandleFunc("/health", func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "application/json")
		json.NewEncoder(answer).Encode(map[string]string{"status": "healthy"})
	})
	http.Serve(listener, nil)
}
