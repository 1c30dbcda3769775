// Package wire has what the load and the backend agree on: the methods, and messages that stay bytes, so that nobody's
// protobuf code is part of what is measured.
package wire

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registered before ours, which takes its place
	"google.golang.org/grpc/mem"
)

const (
	Service = "echo.EchoServer"
	Unary   = "/" + Service + "/SayHello"
	Stream  = "/" + Service + "/SayHelloStream"
	Bidi    = "/" + Service + "/SayHelloBidi"
)

// StreamReplies is how many messages a call of Stream is answered with.
const StreamReplies = 100

// Codec passes *[]byte as it is. Its name is protobuf's: the content type on the wire is plain application/grpc.
type Codec struct{}

func (Codec) Name() string { return "proto" }

func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("message is a %T, not bytes", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*message)}, nil
}

func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("message is a %T, not bytes", v)
	}
	*message = data.Materialize()
	return nil
}

func init() { encoding.RegisterCodecV2(Codec{}) }
