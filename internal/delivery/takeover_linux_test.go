package delivery

import (
	"net/http"
	"strings"
	"testing"
)

func TestTheStatusLineIsHTTP11AtMost(t *testing.T) {
	for minor, want := range map[int]string{0: "HTTP/1.0", 1: "HTTP/1.1", 9: "HTTP/1.1"} {
		head := string(responseHead(&http.Request{ProtoMajor: 1, ProtoMinor: minor}, http.Header{}))
		if !strings.HasPrefix(head, want+" 200 OK\r\n") {
			t.Errorf("a request of HTTP/1.%d is answered %q, want %q", minor, head, want)
		}
	}
}
