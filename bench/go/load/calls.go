package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"callpath.dev/bench/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// result is what the harness reads.
type result struct {
	Done    int     `json:"done"`
	Failed  int     `json:"failed"`
	Failure string  `json:"failure"` // of the first that failed
	Seconds float64 `json:"seconds"`
	P50us   float64 `json:"p50Us"`
	P99us   float64 `json:"p99Us"`
}

type worker struct {
	conn      *grpc.ClientConn
	token     string
	latencies []time.Duration
	failed    int
	failure   error
}

func run() result {
	var workers []*worker
	for _, conn := range connect() {
		defer conn.Close()
		for range *inFlight {
			workers = append(workers, &worker{conn: conn, token: readToken()})
		}
	}
	start := time.Now()
	end := start.Add(time.Duration(*seconds * float64(time.Second)))
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(func() {
			for begun := time.Now(); begun.Before(end); {
				err := w.call()
				now := time.Now()
				if err != nil {
					w.failed++
					w.failure = err
				} else {
					w.latencies = append(w.latencies, now.Sub(begun))
				}
				begun = now
			}
		})
	}
	all.Wait()
	return summary(workers, time.Since(start))
}

func summary(workers []*worker, took time.Duration) result {
	sum := result{Seconds: took.Seconds()}
	var latencies []time.Duration
	for _, w := range workers {
		latencies = append(latencies, w.latencies...)
		sum.Failed += w.failed
		if w.failure != nil {
			sum.Failure = w.failure.Error()
		}
	}
	sum.Done = len(latencies)
	slices.Sort(latencies)
	at := func(part float64) float64 {
		if len(latencies) == 0 {
			return 0
		}
		return float64(latencies[int(part*float64(len(latencies)-1))].Nanoseconds()) / 1000
	}
	sum.P50us, sum.P99us = at(0.5), at(0.99)
	return sum
}

// sent is the message of every call.
var sent []byte

func (w *worker) call() error {
	ctx := context.Background()
	if *deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *deadline)
		defer cancel()
	}
	return w.callOnce(w.outgoing(ctx))
}

func (w *worker) outgoing(ctx context.Context) context.Context {
	pairs := []string{"authorization", w.token}
	if *ids {
		var random [40]byte
		rand.Read(random[:])
		id := hex.EncodeToString(random[:])
		pairs = append(pairs, "traceparent", "00-"+id[:32]+"-"+id[32:48]+"-01", "x-request-id", id[48:])
	}
	return metadata.NewOutgoingContext(ctx, metadata.Pairs(pairs...))
}

func (w *worker) callOnce(ctx context.Context) error {
	switch *kind {
	case "unary":
		var reply []byte
		if err := w.conn.Invoke(ctx, wire.Unary, &sent, &reply); err != nil {
			return err
		}
		return expect(len(reply), len(sent), "bytes")
	case "stream":
		return w.stream(ctx)
	case "bidi":
		return w.bidi(ctx)
	default:
		return fmt.Errorf("-kind %s: write unary, stream or bidi", *kind)
	}
}

func (w *worker) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, wire.Stream)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&sent); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	received := 0
	for {
		var reply []byte
		err := stream.RecvMsg(&reply)
		if errors.Is(err, io.EOF) {
			return expect(received, wire.StreamReplies, "messages")
		}
		if err != nil {
			return err
		}
		received++
	}
}

func (w *worker) bidi(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, wire.Bidi)
	if err != nil {
		return err
	}
	var reply []byte
	for range *messages {
		if err := stream.SendMsg(&sent); err != nil {
			return err
		}
		if err := stream.RecvMsg(&reply); err != nil {
			return err
		}
		if err := expect(len(reply), len(sent), "bytes"); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if err := stream.RecvMsg(&reply); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the stream does not end: %v", err)
	}
	return nil
}

func expect(got, want int, what string) error {
	if got != want {
		return fmt.Errorf("%d %s instead of %d", got, what, want)
	}
	return nil
}

func connect() []*grpc.ClientConn {
	// A protobuf message with one string field, as echo's is.
	message := []byte{0x0a}
	length := max(*bytes-2, 0)
	if length >= 128 {
		length = max(*bytes-4, 128)
		message = append(message, byte(length&0x7f|0x80), byte(length>>7&0x7f|0x80), byte(length>>14))
	} else {
		message = append(message, byte(length))
	}
	sent = append(message, strings.Repeat("a", length)...)
	creds := insecure.NewCredentials()
	if *caFile != "" {
		creds = must(credentials.NewClientTLSFromFile(*caFile, ""))
	}
	var conns []*grpc.ClientConn
	for range *connections {
		conns = append(conns, must(grpc.NewClient("passthrough:///"+*address, grpc.WithTransportCredentials(creds))))
	}
	return conns
}

func readToken() string {
	if *tokenFile == "" {
		log.Fatal("-token FILE is needed")
	}
	return "Bearer " + strings.TrimSpace(string(must(os.ReadFile(*tokenFile))))
}
