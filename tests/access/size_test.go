package access

import (
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// SCREENSHOTS, in the environment, is a directory that this test writes pictures of the pages to, in both colours.
func TestPagesFitTheirWindow(t *testing.T) {
	t.Parallel()
	m := populated(t)
	schemes, pictures := []string{"light"}, os.Getenv("SCREENSHOTS")
	if pictures != "" {
		schemes = append(schemes, "dark")
	}
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			b := harness.Browse(t)
			b.Forgive(harness.NetworkErrors + `.* status of 404`)
			b.Look(scheme)
			fitAll(t, b, m, func(page string) {
				t.Helper()
				for name, size := range map[string][2]int64{"wide": {1280, 900}, "narrow": {360, 740}} {
					b.Window(size[0], size[1])
					b.Fits()
					if pictures == "" {
						continue
					}
					file := filepath.Join(pictures, page+"-"+name+"-"+scheme+".png")
					if err := os.WriteFile(file, b.Screenshot(), 0o644); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}

// pages are those that TestPagesFitTheirWindow looks at beside the home page, by the names of their pictures.
var pages = map[string]string{"mini": "/mini", "error": "/nothing-here", "comments": "/comments",
	"audits": "/audits", "ping": "/ping", "time": "/time", "status": "/status", "watch-choose": "/watch",
	"watch-empty": "/watch?topic=silent", "watch-text": "/watch?topic=words", "watch-table": "/watch?topic=orders",
	"watch-charts":   "/watch?topic=sensors/*",
	"watch-progress": "/watch?topic=jobs",
	"watch-topics":   "/watch?topic=news&topic=orders&topic=words&topic=nothing/at/all/*"}

func fitAll(t *testing.T, b *harness.Tab, m *harness.Proxy, fits func(page string)) {
	t.Helper()
	visit(b, m.URL, "/")
	fits("empty")
	const rows = 8
	var data []string
	for i := range rows {
		at := time.Now().Truncate(2 * time.Second).Add(time.Duration(i-rows) * 2 * time.Second)
		data = append(data, harness.Greeting(at, "Hello at "+at.Format(time.RFC1123)))
	}
	m.Say("hello", data...)
	b.Until("the rows are there",
		fmt.Sprintf(`document.querySelectorAll('#messagesTable tbody tr').length >= %d`, rows))
	m.Target().Publish("news", "hello")
	b.Until("the news is there", `document.querySelector('#news .text')`)
	fits("home")
	for _, page := range slices.Sorted(maps.Keys(pages)) {
		visit(b, m.URL, pages[page])
		fits(page)
	}
}

// scale is a server's address by which everything that the server sends is counted, as it goes over the wire.
func scale(t *testing.T, s *harness.Server) (url string, weighed *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	weighed = new(atomic.Int64)
	pass := func(client net.Conn) {
		defer client.Close()
		server, err := net.Dial("tcp", s.Host())
		if err != nil {
			return
		}
		defer server.Close()
		go func() {
			io.Copy(server, client)
			server.Close()
		}()
		io.Copy(io.MultiWriter(client, counter{weighed}), server)
	}
	go func() {
		for client, err := listener.Accept(); err == nil; client, err = listener.Accept() {
			go pass(client)
		}
	}()
	return "http://" + listener.Addr().String(), weighed
}

type counter struct{ bytes *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return len(p), nil
}

// What the status page takes after some minutes is the test's in which the server tells of them.
func TestEachPageIsSmallOnTheWire(t *testing.T) {
	t.Parallel()
	s := served(t)
	for _, path := range slices.Concat([]string{"/mini"}, livePages, stillPages) {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			site, weighed := scale(t, s)
			b := harness.Browse(t) // with an empty cache
			b.Forgive(harness.NetworkErrors + `.* status of 404`)
			visit(b, site, path)
			t.Logf("%d bytes", weighed.Load())
			if n := weighed.Load(); n > 100<<10 || n < 500 {
				t.Errorf("it takes %d bytes at a first visit", n)
			}
		})
	}
}
