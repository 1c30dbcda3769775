// Load by a real client, grpc-go: calls for some seconds and prints what became of them; or opens connections or
// exchanges and holds them until its input ends.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
)

var (
	address     = flag.String("address", "127.0.0.1:8080", "host:port of the gateway")
	caFile      = flag.String("ca", "", "TLS with this root; default: cleartext")
	tokenFile   = flag.String("token", "", "file with the ID token of each call")
	kind        = flag.String("kind", "unary", "unary, stream or bidi")
	connections = flag.Int("connections", 1, "")
	inFlight    = flag.Int("in-flight", 1, "calls at once on each connection")
	seconds     = flag.Float64("seconds", 1, "")
	bytes       = flag.Int("bytes", 12, "size of a message")
	messages    = flag.Int("messages", 10, "messages each way of a bidi call, each waits for the one before")
	deadline    = flag.Duration("deadline", 0, "of each call; default: none")
	ids         = flag.Bool("ids", false, "two random ids on each call: traceparent and x-request-id")
	hold        = flag.String("hold", "", "connections, or exchanges (in-flight of them on each connection): open, say so, wait for the end of the input")
)

func main() {
	flag.Parse()
	log.SetFlags(0)
	switch *hold {
	case "connections":
		holdConnections()
	case "exchanges":
		holdExchanges()
	case "":
		print(run())
	default:
		log.Fatalf("-hold %s: write connections or exchanges", *hold)
	}
}

func print(value any) {
	if err := json.NewEncoder(os.Stdout).Encode(value); err != nil {
		log.Fatal(err)
	}
}

// waitForEnd tells the harness that everything is open, and keeps it so.
func waitForEnd() {
	fmt.Println("held")
	io.Copy(io.Discard, os.Stdin)
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
