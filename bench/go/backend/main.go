// The service behind the gateways: grpc-go that answers with what it was sent.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"net"

	"callpath.dev/bench/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var (
	listen = flag.String("listen", "127.0.0.1:9000", "host:port")
	// Each gateway puts its own token in place of the caller's: one that does not would be cheaper than it may be.
	token = flag.String("token", "", "the only ID token that is accepted; default: any")
)

type echo interface{}

func check(ctx context.Context) error {
	if *token == "" {
		return nil
	}
	received := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(received) != 1 || received[0] != "Bearer "+*token {
		return status.Error(codes.PermissionDenied, "not the gateway's token")
	}
	return nil
}

func unary(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	if err := check(ctx); err != nil {
		return nil, err
	}
	message := new([]byte)
	if err := decode(message); err != nil {
		return nil, err
	}
	return message, nil
}

func stream(_ any, s grpc.ServerStream) error {
	if err := check(s.Context()); err != nil {
		return err
	}
	message := new([]byte)
	if err := s.RecvMsg(message); err != nil {
		return err
	}
	for range wire.StreamReplies {
		if err := s.SendMsg(message); err != nil {
			return err
		}
	}
	return nil
}

func bidi(_ any, s grpc.ServerStream) error {
	if err := check(s.Context()); err != nil {
		return err
	}
	for {
		message := new([]byte)
		err := s.RecvMsg(message)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.SendMsg(message); err != nil {
			return err
		}
	}
}

func main() {
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: wire.Service,
		HandlerType: (*echo)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "SayHello", Handler: unary}},
		Streams: []grpc.StreamDesc{
			{StreamName: "SayHelloStream", Handler: stream, ServerStreams: true},
			{StreamName: "SayHelloBidi", Handler: bidi, ServerStreams: true, ClientStreams: true},
		},
	}, struct{}{})
	log.Fatal(server.Serve(listener))
}
