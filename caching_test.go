package main

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"
)

// get asks for a path with these headers, given as Name: value, and returns the answer with its body, uncompressed.
func (s *site) get(method, path string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
	}
	response, err := client0.Transport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var body io.Reader = response.Body
	if response.Header.Get("Content-Encoding") == "gzip" && response.StatusCode == http.StatusOK && method != http.MethodHead {
		if body, err = gzip.NewReader(response.Body); err != nil {
			s.t.Fatal(err)
		}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response, string(text)
}

const script = "/public/js/broadcast/broadcast.js"

func TestFilesAndPagesAreCompressedForWhoWantsIt(t *testing.T) {
	s := serve(t)
	for _, path := range []string{script, "/public/css/site.css", "/mini", "/", "/comments"} {
		_, plain := s.get("GET", path)
		for accept, want := range map[string]string{
			"gzip": "gzip", "gzip, deflate, br, zstd": "gzip", "br;q=1, GZIP ; q=0.5": "gzip", "*": "gzip", "identity;q=0.5, gzip": "gzip",
			"": "", "identity": "", "br": "", "gzip;q=0": "", "gzip;q=0.000, *": "", "*;q=0": "", "gzip;q=0.1, identity": "", "gzip;q=x": "", "gzipped": "",
		} {
			for _, method := range []string{"GET", "HEAD"} {
				response, body := s.get(method, path, "Accept-Encoding: "+accept)
				if got := response.Header.Get("Content-Encoding"); got != want || response.StatusCode != 200 {
					t.Errorf("%s %s with %q: %d, encoding %q, want %q", method, path, accept, response.StatusCode, got, want)
				}
				if !strings.Contains(strings.Join(response.Header.Values("Vary"), ", "), "Accept-Encoding") {
					t.Errorf("%s %s with %q varies by %q", method, path, accept, response.Header.Values("Vary"))
				}
				if method == "GET" && body != plain {
					t.Errorf("GET %s with %q has another body", path, accept)
				}
			}
		}
	}
}

func TestAFileThatTheClientHasIsNotSentAgain(t *testing.T) {
	s := serve(t)
	plain, _ := s.get("GET", script)
	short, _ := s.get("GET", script, "Accept-Encoding: gzip")
	tags := map[string]string{"identity": plain.Header.Get("ETag"), "gzip": short.Header.Get("ETag")}
	if tags["identity"] == tags["gzip"] || !strings.HasPrefix(tags["gzip"], `"`) || !strings.HasPrefix(tags["identity"], `"`) {
		t.Fatalf("the two forms have the tags %v, and are to have strong ones of their own", tags)
	}
	for accepted := range tags {
		for kept, tag := range tags {
			for _, method := range []string{"GET", "HEAD"} {
				response, body := s.get(method, script, "Accept-Encoding: "+accepted, "If-None-Match: "+tag)
				want := http.StatusOK
				if kept == accepted {
					want = http.StatusNotModified
				}
				if response.StatusCode != want || want == http.StatusNotModified && body != "" {
					t.Errorf("%s with %s, which has the form %s: %d, want %d", method, accepted, kept, response.StatusCode, want)
				}
				if response.Header.Get("ETag") != tags[accepted] || response.Header.Get("Vary") != "Accept-Encoding" || response.Header.Get("Cache-Control") != "no-cache" {
					t.Errorf("%s with %s, which has the form %s: %v", method, accepted, kept, response.Header)
				}
			}
		}
	}
}

func TestAPartOfAFileIsOfTheFileAsItIs(t *testing.T) {
	s := serve(t)
	plain, whole := s.get("GET", script)
	short, _ := s.get("GET", script, "Accept-Encoding: gzip")
	part, body := s.get("GET", script, "Accept-Encoding: gzip", "Range: bytes=10-19")
	if part.StatusCode != http.StatusPartialContent || body != whole[10:20] || part.Header.Get("Content-Encoding") != "" || part.Header.Get("ETag") != plain.Header.Get("ETag") {
		t.Errorf("a part: %d %q %v", part.StatusCode, body, part.Header)
	}
	rest, body := s.get("GET", script, "Accept-Encoding: gzip", "Range: bytes=10-19", "If-Range: "+short.Header.Get("ETag"))
	if rest.StatusCode != http.StatusOK || body != whole {
		t.Errorf("a part of the compressed form is answered %d, with %d bytes, want the whole", rest.StatusCode, len(body))
	}
}

func TestEveryPublicFileHasATypeAndATag(t *testing.T) {
	s := serve(t)
	err := fs.WalkDir(sub("public"), ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		response, _ := s.get("HEAD", "/public/"+file, "Accept-Encoding: gzip")
		if response.StatusCode != 200 || response.Header.Get("Content-Type") == "" || len(response.Header.Get("ETag")) < 20 {
			t.Errorf("%s: %d %v", file, response.StatusCode, response.Header)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
