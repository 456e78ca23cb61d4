package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/kataras/golog"
	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/stream"
)

// pagePolicy lets a page run what this server serves and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// workerPolicy is of the script of a worker, which has a policy of its own and not that of its page.
const workerPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"

// asset is a file that browsers fetch.
type asset struct {
	body        []byte
	contentType string
	etag        string
	policy      string // its Content-Security-Policy, for mini.html and workers
}

// plainHost is a host that means nothing else to a shell: visitors are to copy it into one.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+$`)

var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// prepare reads the views and the public files, and makes what New's handlers need.
func (s *Site) prepare(app *iris.Application) error {
	app.RegisterView(iris.Blocks(s.Views, ".html"))
	s.check = http.NewCrossOriginProtection()
	for _, origin := range s.Origins {
		u, err := url.Parse(origin)
		if err == nil {
			err = s.check.AddTrustedOrigin(origin)
		}
		if err != nil || origin != strings.ToLower(origin) || u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
			return fmt.Errorf("-cors-origins %q: want origins as browsers send them, such as https://example.com, "+
				"in small letters and without the scheme's own port, with commas between them", origin)
		}
	}
	s.assets = map[string]asset{}
	return fs.WalkDir(s.Public, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(s.Public, file)
		s.assets[file] = newAsset(file, body)
		return err
	})
}

func newAsset(file string, body []byte) asset {
	sum := sha256.Sum256(body)
	a := asset{body: body, contentType: mime.TypeByExtension(path.Ext(file)), etag: fmt.Sprintf(`"%x"`, sum[:12])}
	if strings.HasSuffix(file, "-worker.js") {
		a.policy = workerPolicy
	}
	if script := inlineScript.FindSubmatch(body); script != nil {
		hash := sha256.Sum256(script[1])
		a.policy = fmt.Sprintf("default-src 'none'; script-src 'sha256-%s'; img-src data:; connect-src 'self'; frame-ancestors 'none'",
			base64.StdEncoding.EncodeToString(hash[:]))
	}
	return a
}

// home is the live table.
func (s *Site) home(ctx iris.Context) {
	r := ctx.Request()
	origin := r.Host
	if !plainHost.MatchString(origin) {
		origin = "localhost:8080"
	}
	if r.TLS != nil {
		origin = "https://" + origin
	}
	s.page(ctx, "home", "Iris Broadcast", iris.Map{"Curl": "curl -d hello " + origin + "/events/news"})
}

// pingPage shows the named event, from now on.
func (s *Site) pingPage(ctx iris.Context) {
	head, err := s.Log.Head(ctx.Request().Context())
	if err != nil {
		Fail(ctx, err)
		return
	}
	s.page(ctx, "ping", "Ping", iris.Map{"Position": head.String()})
}

// timePage lists what the topic time has said.
func (s *Site) timePage(ctx iris.Context) {
	topic := stream.Select(stream.MustTopic("time"))
	page, err := s.Log.Page(ctx.Request().Context(), stream.Query{Topics: topic, Limit: defaultLimit, Newest: true})
	if err != nil {
		Fail(ctx, err)
		return
	}
	s.page(ctx, "time", "Time", iris.Map{"Lines": page.Events, "Position": page.Head.String()})
}

// page answers with a view; every one is told its title and path, and whether its visitor may write.
func (s *Site) page(ctx iris.Context, view, title string, data iris.Map) {
	if view != "home" {
		title += " · Iris Broadcast"
	}
	setHeader(ctx, "Cache-Control", "private, no-cache")
	data["Title"], data["Path"], data["CanPublish"] = title, ctx.Path(), s.canWrite(ctx.Request())
	if err := render(ctx, http.StatusOK, view, data); err != nil {
		Fail(ctx, err)
	}
}

// render renders a view whole before anything of it is sent.
func render(ctx iris.Context, status int, view string, data iris.Map) error {
	var page bytes.Buffer
	if err := ctx.Application().View(&page, view, "main", data); err != nil {
		return err
	}
	setHeader(ctx, "Content-Security-Policy", pagePolicy)
	setHeader(ctx, "Content-Type", "text/html; charset=utf-8")
	ctx.StatusCode(status)
	if _, err := ctx.Write(page.Bytes()); err != nil {
		golog.Debugf("Answering: %v", err) // the client has gone
	}
	return nil
}

func (s *Site) mini(ctx iris.Context) { s.serve(ctx, "mini.html") }
func (s *Site) icon(ctx iris.Context) { s.serve(ctx, "icon.svg") }
func (s *Site) file(ctx iris.Context) { s.serve(ctx, ctx.Params().Get("file")) }

// serve answers with a public file. Browsers keep it and ask each time whether it is still the one.
func (s *Site) serve(ctx iris.Context, file string) {
	a, ok := s.assets[file]
	if !ok {
		Fail(ctx, stream.Errorf(stream.NotFound, "There is no such file. The page at / shows what there is."))
		return
	}
	if a.policy != "" {
		setHeader(ctx, "Content-Security-Policy", a.policy)
	}
	setHeader(ctx, "Content-Type", a.contentType)
	setHeader(ctx, "Cache-Control", "no-cache")
	setHeader(ctx, "ETag", a.etag)
	http.ServeContent(ctx.ResponseWriter(), ctx.Request(), file, time.Time{}, bytes.NewReader(a.body))
}
