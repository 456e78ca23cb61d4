package network

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"iris-broadcast/internal/sse"
	"iris-broadcast/tests/harness"
)

func TestAClientThatVanishesIsGivenUp(t *testing.T) {
	needsNamespace(t)
	// A heartbeat goes out within 1 s, and may be unacknowledged for stall + 5 s.
	args := []string{"-heartbeat", "1s", "-stall", "1s", "-demo=false"}
	const within = 10 * time.Second
	for _, kind := range []struct {
		name, address string
		tls           bool
		major         int
	}{
		{"by HTTP/1", "127.0.0.11", false, 1},
		{"by HTTP/1 over TLS", "127.0.0.12", true, 1},
		{"by HTTP/2", "127.0.0.13", true, 2},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			var s *harness.Server
			transport := &http.Transport{}
			if kind.tls {
				s, transport = serveTLS(t, args...)
			} else {
				s = harness.Serve(t, args...)
			}
			transport.ForceAttemptHTTP2 = kind.major == 2
			staying := from("127.0.0.1", transport)
			messages := sse.NewReader(open(t, staying, s.URL, kind.major).Body)
			open(t, from(kind.address, transport), s.URL, kind.major)
			until := func(n int) {
				t.Helper()
				counted := func() bool { return streams(t, staying, s.URL) == n }
				harness.Eventually(t, "the server counts the streams", counted)
			}
			until(2)

			vanish(t, kind.address)
			vanished := time.Now()
			until(1)
			if took := time.Since(vanished); took > within {
				t.Errorf("the client was still counted after %v, want at most %v", took, within)
			}
			response, err := staying.Post(s.URL+"/events/news", "", strings.NewReader("still there"))
			if err != nil || response.StatusCode != http.StatusCreated {
				t.Fatalf("%+v, %v", response, err)
			}
			response.Body.Close()
			if m, err := messages.Next(); err != nil || m.Data != "still there" {
				t.Errorf("the client that stays got %+v, %v", m, err)
			}
		})
	}
}

// from is a client at that address of this machine.
func from(address string, transport *http.Transport) *http.Client {
	transport = transport.Clone()
	transport.DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext
	return &http.Client{Transport: transport}
}

// open opens a stream, which ends with the test.
func open(t *testing.T, client *http.Client, url string, major int) *http.Response {
	t.Helper()
	response, err := client.Get(url + "/events/news")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		response.Body.Close()
		client.CloseIdleConnections()
	})
	if response.StatusCode != http.StatusOK || response.ProtoMajor != major {
		t.Fatalf("%s by %s", response.Status, response.Proto)
	}
	return response
}

// streams is how many streams the server counts.
func streams(t *testing.T, client *http.Client, url string) int {
	t.Helper()
	response, err := client.Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var health struct{ Streams int }
	if err := json.NewDecoder(response.Body).Decode(&health); err != nil {
		t.Fatal(err)
	}
	return health.Streams
}
