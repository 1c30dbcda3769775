// The walkthrough's server on Google's own libraries: grpc-go and the metadata package.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"callpath.dev/test/peers/echo"
	gce "cloud.google.com/go/compute/metadata"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

var (
	grpcport    = flag.String("grpcport", "", "where to listen; default :$PORT, else :8080")
	useMetadata = flag.Bool("useMetadata", true, "ask the metadata server for the instance id")
)

type server struct {
	echo.UnimplementedEchoServerServer
	revision, instanceID string
}

func (s *server) SayHello(ctx context.Context, in *echo.EchoRequest) (*echo.EchoReply, error) {
	grpc.SendHeader(ctx, metadata.Pairs("rpcheaderkey", "val"))
	grpc.SetTrailer(ctx, metadata.Pairs("rpctrailerkey", "val"))
	return &echo.EchoReply{Message: fmt.Sprintf("Hello %s  from K_REVISION %s from instanceID %s", in.Name, s.revision, s.instanceID)}, nil
}

func (s *server) SayHelloStream(in *echo.EchoRequest, stream grpc.ServerStreamingServer[echo.EchoReply]) error {
	stream.SendHeader(metadata.Pairs("streamheaderkey", "val"))
	stream.SetTrailer(metadata.Pairs("streamtrailerkey", "val"))
	for i := 1; i <= 2; i++ {
		if err := stream.Send(&echo.EchoReply{Message: fmt.Sprintf("Msg%d %s from instanceID %s", i, in.Name, s.instanceID)}); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	flag.Parse()
	where := *grpcport
	if where == "" {
		where = ":8080"
		if port := os.Getenv("PORT"); port != "" {
			where = ":" + port
		}
	}
	instanceID := "none"
	if *useMetadata {
		id, err := gce.InstanceIDWithContext(context.Background())
		if err != nil {
			log.Fatalf("no instance id from the metadata server: %v", err)
		}
		instanceID = strings.TrimSpace(id)
	}
	listener, err := net.Listen("tcp", where)
	if err != nil {
		log.Fatal(err)
	}
	grpcServer := grpc.NewServer(grpc.MaxConcurrentStreams(10))
	echo.RegisterEchoServerServer(grpcServer, &server{revision: os.Getenv("K_REVISION"), instanceID: instanceID})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		grpcServer.GracefulStop()
	}()
	log.Printf("listening on %s", where)
	if err := grpcServer.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
