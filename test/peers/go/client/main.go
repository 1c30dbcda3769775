// The walkthrough's client on Google's own libraries: grpc-go and idtoken.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"time"

	"callpath.dev/test/peers/echo"
	"google.golang.org/api/idtoken"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/oauth"
	"google.golang.org/grpc/metadata"
)

var (
	address        = flag.String("address", "localhost:8080", "host:port of the gateway or of Cloud Run")
	audience       = flag.String("audience", "", "audience of the ID token")
	servername     = flag.String("servername", "", "TLS server name; default: the address's host")
	cacert         = flag.String("cacert", "", "root CA file; default: the system's")
	serviceAccount = flag.String("serviceAccount", "", "service-account key file; default: the metadata server")
	count          = flag.Int("count", 10, "unary calls before the stream")
)

func main() {
	flag.Parse()
	log.SetFlags(0)
	log.SetOutput(os.Stdout)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	var options []idtoken.ClientOption
	if *serviceAccount != "" {
		options = append(options, option.WithAuthCredentialsFile(option.ServiceAccount, *serviceAccount))
	}
	source, err := idtoken.NewTokenSource(ctx, *audience, options...)
	if err != nil {
		log.Fatalf("no token source: %v", err)
	}
	config := &tls.Config{ServerName: *servername}
	if *cacert != "" {
		pem, err := os.ReadFile(*cacert)
		if err != nil {
			log.Fatal(err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			log.Fatalf("%s: no certificate in it", *cacert)
		}
	}
	conn, err := grpc.NewClient(*address,
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithPerRPCCredentials(oauth.TokenSource{TokenSource: source}))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	client := echo.NewEchoServerClient(conn)
	ctx = metadata.NewOutgoingContext(ctx, metadata.Pairs("sal", "value1", "key2", "value2"))

	for i := range *count {
		var header, trailer metadata.MD
		reply, err := client.SayHello(ctx, &echo.EchoRequest{Name: "unary RPC msg "}, grpc.Header(&header), grpc.Trailer(&trailer))
		if err != nil {
			log.Fatalf("SayHello: %v", err)
		}
		log.Printf("RPC %d  %s", i, reply.Message)
		log.Printf("header rpcheaderkey=%v trailer rpctrailerkey=%v", header.Get("rpcheaderkey"), trailer.Get("rpctrailerkey"))
	}

	stream, err := client.SayHelloStream(ctx, &echo.EchoRequest{Name: "Stream RPC msg"})
	if err != nil {
		log.Fatalf("SayHelloStream: %v", err)
	}
	header, err := stream.Header()
	if err != nil {
		log.Fatalf("SayHelloStream header: %v", err)
	}
	for {
		reply, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatalf("SayHelloStream: %v", err)
		}
		log.Printf("Message: %s", reply.Message)
	}
	log.Printf("header streamheaderkey=%v trailer streamtrailerkey=%v", header.Get("streamheaderkey"), stream.Trailer().Get("streamtrailerkey"))
}
