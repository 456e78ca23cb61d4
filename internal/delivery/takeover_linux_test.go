package delivery

import (
	"net/http"
	"strings"
	"testing"
)

func TestTheStatusLineIsHTTP11AtMost(t *testing.T) {
	for minor, want := range map[int]string{0: "HTTP/1.0 200 OK\r\n", 1: "HTTP/1.1 200 OK\r\n", 9: "HTTP/1.1 200 OK\r\n"} {
		head := string(responseHead(&http.Request{ProtoMajor: 1, ProtoMinor: minor}, http.Header{}))
		if !strings.HasPrefix(head, want) {
			t.Errorf("a request of HTTP/1.%d is answered %q, want %q", minor, head, want)
		}
	}
}
