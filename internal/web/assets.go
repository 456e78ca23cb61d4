package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/stream"
)

// asset is a file that browsers fetch, as it is or, where that is smaller, compressed once for everyone.
type asset struct {
	body        []byte
	compressed  func() []byte // gzip, made on first use; nil: served only as it is
	contentType string
	etag        string // of body, unquoted; the compressed form's has a suffix (RFC 9110, section 8.8.3.3)
	policy      string // Content-Security-Policy of mini.html and of workers
}

// workerPolicy is for worker scripts: a worker has its own policy, not its page's.
const workerPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"

var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// loadAssets reads the public files.
func loadAssets(public fs.FS) (map[string]asset, error) {
	assets := map[string]asset{}
	err := fs.WalkDir(public, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(public, file)
		assets[file] = newAsset(file, body)
		return err
	})
	return assets, err
}

func newAsset(file string, body []byte) asset {
	sum := sha256.Sum256(body)
	a := asset{body: body, contentType: mime.TypeByExtension(path.Ext(file)), etag: fmt.Sprintf("%x", sum[:12])}
	if a.contentType == "" {
		a.contentType = "text/plain; charset=utf-8" // such as a license
	}
	if gains(a.contentType) && len(body) >= worthCompressing {
		a.compressed = sync.OnceValue(func() []byte { return compress(body, gzip.BestCompression) })
	}
	if path.Base(file) == "worker.js" {
		a.policy = workerPolicy
	}
	if script := inlineScript.FindSubmatch(body); script != nil {
		hash := sha256.Sum256(script[1])
		a.policy = fmt.Sprintf("default-src 'none'; script-src 'sha256-%s'; img-src data:; connect-src 'self'; "+
			"frame-ancestors 'none'", base64.StdEncoding.EncodeToString(hash[:]))
	}
	return a
}

// worthCompressing is the size in bytes from which compression saves more than its headers cost.
const worthCompressing = 512

// gains reports whether a type of file gets smaller by gzip: pictures and fonts are compressed already.
func gains(contentType string) bool {
	return strings.HasPrefix(contentType, "text/") || strings.HasPrefix(contentType, "image/svg+xml") ||
		strings.HasPrefix(contentType, "application/json")
}

func compress(body []byte, level int) []byte {
	var short bytes.Buffer
	w, err := gzip.NewWriterLevel(&short, level)
	if err != nil {
		panic(err) // only for a level that does not exist
	}
	w.Write(body) // a bytes.Buffer never fails
	w.Close()
	return short.Bytes()
}

// acceptsGzip reports whether the client prefers gzip to no encoding (RFC 9110, section 12.5.3).
func acceptsGzip(r *http.Request) bool {
	weights := map[string]float64{}
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, parameter, weighted := strings.Cut(part, ";")
		weight := 1.0
		if weighted {
			_, number, _ := strings.Cut(parameter, "=")
			weight, _ = strconv.ParseFloat(strings.TrimSpace(number), 64) // malformed: 0, not wanted
		}
		weights[strings.ToLower(strings.TrimSpace(name))] = weight
	}
	gzip, named := weights["gzip"]
	if !named {
		gzip = weights["*"]
	}
	return gzip > 0 && gzip >= weights["identity"]
}

func (s *Site) mini(ctx iris.Context) error { return s.serve(ctx, "mini.html") }
func (s *Site) icon(ctx iris.Context) error { return s.serve(ctx, "icon.svg") }
func (s *Site) file(ctx iris.Context) error { return s.serve(ctx, ctx.Params().Get("file")) }

// serve answers with a public file. Browsers cache it and revalidate it each time. A range is always one of the
// uncompressed file.
func (s *Site) serve(ctx iris.Context, file string) error {
	a, ok := s.assets[file]
	if !ok {
		return stream.Errorf(stream.NotFound, "There is no such file. The home page is /.")
	}
	if a.policy != "" {
		setHeader(ctx, "Content-Security-Policy", a.policy)
	}
	setHeader(ctx, "Content-Type", a.contentType)
	setHeader(ctx, "Cache-Control", "no-cache")
	body, etag, r := a.body, a.etag, ctx.Request()
	if a.compressed != nil {
		ctx.ResponseWriter().Header().Add("Vary", "Accept-Encoding")
		if r.Header.Get("Range") == "" && acceptsGzip(r) {
			setHeader(ctx, "Content-Encoding", "gzip")
			body, etag = a.compressed(), etag+"-gzip"
		}
	}
	setHeader(ctx, "ETag", `"`+etag+`"`)
	http.ServeContent(ctx.ResponseWriter(), r, file, time.Time{}, bytes.NewReader(body))
	return nil
}
