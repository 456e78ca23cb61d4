package sse_test

import (
	"fmt"
	"strings"

	"iris-broadcast/internal/sse"
)

func ExampleAppend() {
	block := sse.Append(nil, sse.Event{
		ID:   sse.MakeLine("1763676000000-3"),
		Type: sse.MakeLine("greeting"),
		Data: "hello\nworld",
	})
	fmt.Printf("%s", block)
	// Output:
	// id: 1763676000000-3
	// event: greeting
	// data: hello
	// data: world
}

func ExampleReader() {
	r := sse.NewReader(strings.NewReader("id: 7\ndata: hello\n\nevent: greeting\ndata: world\n\n"))
	for {
		m, err := r.Next()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q %q %q\n", m.ID, m.Type, m.Data)
	}
	// Output:
	// "7" "" "hello"
	// "7" "greeting" "world"
	// EOF
}
