// A stock Go client (grpc-go) that plays a fixed script against a server and prints what it saw, a JSON list.
// Arguments: host:port, and the file of the authorities where the server speaks TLS.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const largest = 8 << 20

// raw passes messages as bytes.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "proto" }

var saw [][]any

func note(name string, what ...any) { saw = append(saw, append([]any{name}, what...)) }

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return fmt.Sprintf("%d %s", len(data), hex.EncodeToString(sum[:8]))
}

func message(size int) []byte {
	return bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
}

func code(err error) int { return int(status.Code(err)) }

func main() {
	security := insecure.NewCredentials()
	if len(os.Args) > 2 {
		trusting, err := credentials.NewClientTLSFromFile(os.Args[2], "")
		if err != nil {
			panic(err)
		}
		security = trusting
	}
	connection, err := grpc.Dial(os.Args[1], grpc.WithTransportCredentials(security),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(largest), grpc.MaxCallSendMsgSize(largest)))
	if err != nil {
		panic(err)
	}
	background, stop := context.WithTimeout(context.Background(), 60*time.Second)
	defer stop()
	unary := func(ctx context.Context, method string, sent []byte, options ...grpc.CallOption) ([]byte, error) {
		var got []byte
		err := connection.Invoke(ctx, "/test/"+method, &sent, &got, options...)
		return got, err
	}
	for _, size := range []int{0, 1, 16384, 70000, 1 << 20, largest} {
		got, err := unary(background, "echo", message(size))
		note("unary", digest(got), code(err))
	}
	got, err := unary(background, "echo", message(100000), grpc.UseCompressor(gzip.Name))
	note("compressed", digest(got), code(err))

	description := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	stream, err := connection.NewStream(background, description, "/test/stream")
	if err != nil {
		panic(err)
	}
	for number := 0; number < 50; number++ {
		sent := message(number * 1000)
		if err := stream.SendMsg(&sent); err != nil {
			panic(err)
		}
		var got []byte
		err := stream.RecvMsg(&got)
		note("stream", digest(got), code(err))
	}
	stream.CloseSend()
	var last []byte
	note("stream's end", stream.RecvMsg(&last) == io.EOF)

	stream, _ = connection.NewStream(background, description, "/test/count")
	count := []byte("100")
	stream.SendMsg(&count)
	stream.CloseSend()
	all := []byte{}
	for {
		var got []byte
		if err = stream.RecvMsg(&got); err != nil {
			break
		}
		all = append(all, got...)
	}
	note("count", digest(all), err == io.EOF)

	soon, stopSoon := context.WithTimeout(background, 300*time.Millisecond)
	_, err = unary(soon, "wait", nil)
	stopSoon()
	note("deadline", code(err))
	cancelled, cancel := context.WithCancel(background)
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err = unary(cancelled, "wait", nil)
	note("cancel", code(err))

	var trailers metadata.MD
	_, err = unary(background, "fail", []byte("5"), grpc.Trailer(&trailers))
	note("status", code(err), status.Convert(err).Message(), trailers["x-text"], hex.EncodeToString([]byte(trailers["x-bytes-bin"][0])))
	_, err = unary(background, "nothing", nil)
	note("unknown", code(err))
	got, err = unary(background, "echo", []byte("next"))
	note("next", digest(got), code(err))

	text, _ := json.Marshal(saw)
	os.Stdout.Write(text)
}
