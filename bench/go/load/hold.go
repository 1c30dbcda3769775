package main

import (
	"context"
	"io"
	"log"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"callpath.dev/bench/wire"
	"google.golang.org/grpc"
)

const (
	// Connection preface and an empty SETTINGS.
	hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	// Acknowledges the other side's SETTINGS.
	ack = "\x00\x00\x00\x04\x01\x00\x00\x00\x00"
)

// holdConnections opens cleartext HTTP/2 connections that say hello and then nothing.
func holdConnections() {
	held := make([]net.Conn, *connections)
	atOnce(*connections, func(i int) {
		held[i] = must(net.Dial("tcp", *address))
		must(io.WriteString(held[i], hello))
		agree(held[i])
	})
	waitForEnd()
	runtime.KeepAlive(held) // what nobody refers to is closed
}

// agree reads frames until both sides acknowledged the other's SETTINGS: the connection is whole then.
func agree(conn net.Conn) {
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for isSettled, isAcked := false, false; !isSettled || !isAcked; {
		var header [9]byte
		must(io.ReadFull(conn, header[:]))
		length := int64(header[0])<<16 | int64(header[1])<<8 | int64(header[2])
		must(io.CopyN(io.Discard, conn, length))
		if header[3] != 4 {
			continue
		}
		if header[4]&1 == 1 {
			isAcked = true
		} else {
			must(io.WriteString(conn, ack))
			isSettled = true
		}
	}
}

// holdExchanges opens bidi calls that got one message through and back, and then say nothing.
func holdExchanges() {
	token := readToken()
	conns := connect()
	atOnce(len(conns)**inFlight, func(i int) {
		w := &worker{conn: conns[i%len(conns)], token: token}
		stream := must(w.conn.NewStream(w.outgoing(context.Background()), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, wire.Bidi))
		var reply []byte
		if err := stream.SendMsg(&sent); err != nil {
			log.Fatal(err)
		}
		if err := stream.RecvMsg(&reply); err != nil {
			log.Fatal(err)
		}
	})
	waitForEnd()
}

// atOnce does what is to be done count times, some at once: one after the other takes too long.
func atOnce(count int, do func(i int)) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range 32 {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(count); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	all.Wait()
}
