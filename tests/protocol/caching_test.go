package protocol

import (
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

// get asks for a path, and returns the answer with its body, uncompressed.
func get(t *testing.T, s *harness.Server, method, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	response, body := s.Do(method, path, "", headers...)
	compressed := response.Header.Get("Content-Encoding") == "gzip"
	if !compressed || response.StatusCode != http.StatusOK || method == http.MethodHead {
		return response, body
	}
	reader, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

const sheet = "/public/css/site.css"

func TestFilesAndPagesAreCompressedForClientsThatAcceptIt(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false") // pages show what happens
	encodings := map[string]string{
		"gzip":                    "gzip",
		"gzip, deflate, br, zstd": "gzip",
		"br;q=1, GZIP ; q=0.5":    "gzip",
		"*":                       "gzip",
		"identity;q=0.5, gzip":    "gzip",
		"":                        "",
		"identity":                "",
		"br":                      "",
		"gzip;q=0":                "",
		"gzip;q=0.000, *":         "",
		"*;q=0":                   "",
		"gzip;q=0.1, identity":    "",
		"gzip;q=x":                "",
		"gzipped":                 "",
	}
	for _, path := range []string{sheet, "/mini", "/", "/comments"} {
		_, plain := get(t, s, "GET", path)
		for accept, want := range encodings {
			for _, method := range []string{"GET", "HEAD"} {
				request := fmt.Sprintf("%s %s with %q", method, path, accept)
				response, body := get(t, s, method, path, "Accept-Encoding: "+accept)
				if got := response.Header.Get("Content-Encoding"); got != want || response.StatusCode != 200 {
					t.Errorf("%s: %d, encoding %q, want %q", request, response.StatusCode, got, want)
				}
				vary := strings.Join(response.Header.Values("Vary"), ", ")
				if !strings.Contains(vary, "Accept-Encoding") {
					t.Errorf("%s varies by %q", request, vary)
				}
				if method == "GET" && body != plain {
					t.Errorf("%s has another body", request)
				}
			}
		}
	}
}

func TestAFileThatTheClientHasIsNotSentAgain(t *testing.T) {
	t.Parallel()
	s := harness.Shared(t)
	plain, _ := get(t, s, "GET", sheet)
	short, _ := get(t, s, "GET", sheet, "Accept-Encoding: gzip")
	tags := map[string]string{"identity": plain.Header.Get("ETag"), "gzip": short.Header.Get("ETag")}
	strong := strings.HasPrefix(tags["gzip"], `"`) && strings.HasPrefix(tags["identity"], `"`)
	if !strong || tags["identity"] == tags["gzip"] {
		t.Fatalf("the two encodings have the tags %v, want a strong one each", tags)
	}
	for accepted, own := range tags {
		for kept, tag := range tags {
			want := http.StatusOK
			if kept == accepted {
				want = http.StatusNotModified
			}
			for _, method := range []string{"GET", "HEAD"} {
				request := fmt.Sprintf("%s with %s, for a client that has %s", method, accepted, kept)
				response, body := get(t, s, method, sheet, "Accept-Encoding: "+accepted, "If-None-Match: "+tag)
				if response.StatusCode != want || want == http.StatusNotModified && body != "" {
					t.Errorf("%s: %d, want %d", request, response.StatusCode, want)
				}
				headers := map[string]string{"ETag": own, "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
				for name, want := range headers {
					if got := response.Header.Get(name); got != want {
						t.Errorf("%s: %s is %q", request, name, got)
					}
				}
			}
		}
	}
}

func TestARangeIsOfTheUncompressedFile(t *testing.T) {
	t.Parallel()
	s := harness.Shared(t)
	plain, whole := get(t, s, "GET", sheet)
	short, _ := get(t, s, "GET", sheet, "Accept-Encoding: gzip")
	part, body := get(t, s, "GET", sheet, "Accept-Encoding: gzip", "Range: bytes=10-19")
	if part.StatusCode != http.StatusPartialContent || body != whole[10:20] ||
		part.Header.Get("Content-Encoding") != "" || part.Header.Get("ETag") != plain.Header.Get("ETag") {
		t.Errorf("a part: %d %q %v", part.StatusCode, body, part.Header)
	}
	rest, body := get(t, s, "GET", sheet, "Accept-Encoding: gzip", "Range: bytes=10-19",
		"If-Range: "+short.Header.Get("ETag"))
	if rest.StatusCode != http.StatusOK || body != whole {
		t.Errorf("a part of the compressed file: %d, %d bytes, want the whole", rest.StatusCode, len(body))
	}
}

func TestEveryPublicFileHasATypeAndATag(t *testing.T) {
	t.Parallel()
	s := harness.Shared(t)
	public := os.DirFS(filepath.Join(harness.Root(), "public"))
	err := fs.WalkDir(public, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		response, _ := get(t, s, "HEAD", "/public/"+file, "Accept-Encoding: gzip")
		kind, tag := response.Header.Get("Content-Type"), response.Header.Get("ETag")
		if response.StatusCode != 200 || kind == "" || len(tag) < 20 {
			t.Errorf("%s: %d %v", file, response.StatusCode, response.Header)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
