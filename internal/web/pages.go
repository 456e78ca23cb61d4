package web

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"regexp"
	"strings"

	"github.com/kataras/golog"
	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/stream"
)

// pagePolicy lets a page load only what this server serves.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// plainHost matches hosts without shell metacharacters: visitors paste commands with it into a shell.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+$`)

// prepare sets up what the handlers need: bounds, views, public files.
func (s *Site) prepare(app *iris.Application) error {
	s.lists = make(chan struct{}, maxLists)
	s.Events.Log, s.Board = boundedLog{s.Events.Log, s.MaxData}, boundedBoard{s.Board, s.MaxData}
	app.Configure(iris.WithLogLevel("warn")) // at debug it prints its routes past the log
	app.RegisterView(iris.Blocks(s.Views, ".html"))
	s.check = http.NewCrossOriginProtection()
	for _, origin := range s.Origins {
		if err := s.check.AddTrustedOrigin(origin); err != nil {
			return err
		}
	}
	var err error
	s.assets, err = loadAssets(s.Public)
	return err
}

// home is the live table.
func (s *Site) home(ctx iris.Context) error {
	host := strings.TrimPrefix(origin(ctx.Request()), "http://")
	return s.page(ctx, "home", "Iris Broadcast", iris.Map{"Curl": "curl -d hello " + host + "/events/news"})
}

// pingPage shows the ping event live.
func (s *Site) pingPage(ctx iris.Context) error {
	head, err := s.Events.Head(ctx.Request().Context())
	if err != nil {
		return err
	}
	return s.page(ctx, "ping", "Ping", iris.Map{"Position": head.String()})
}

// timePage lists the newest events of the topic time.
func (s *Site) timePage(ctx iris.Context) error {
	topic := stream.Select(stream.Time)
	page, err := s.Events.Page(ctx.Request().Context(),
		stream.Query{Topics: topic, Newest: defaultLimit, NewestBytes: listBytes})
	if err != nil {
		return err
	}
	return s.page(ctx, "time", "Time", iris.Map{"Lines": page.Events, "Position": page.Reached.String()})
}

// statusPage shows the server's own topic: its last minutes, then live.
func (s *Site) statusPage(ctx iris.Context) error {
	topics := stream.Select(stream.Server)
	page, err := s.Own.Page(ctx.Request().Context(), stream.Query{Topics: topics, Newest: stream.MaxPage})
	if err != nil {
		return err
	}
	return s.page(ctx, "status", "Status", iris.Map{"Topic": stream.Server, "Query": topicQuery(topics),
		"Streams": s.Streams(), "Events": watched(page.Events), "Position": page.Reached.String()})
}

// page answers with a view. Every view gets its title, its path, and whether its visitor may write.
func (s *Site) page(ctx iris.Context, view, title string, data iris.Map) error {
	if view != "home" {
		title += " · Iris Broadcast"
	}
	setHeader(ctx, "Cache-Control", "private, no-cache")
	data["Title"], data["Path"], data["CanPublish"] = title, ctx.Path(), s.canWrite(ctx.Request())
	return render(ctx, http.StatusOK, view, data)
}

// render renders the whole view before it sends any of it. Compression leaks nothing (BREACH), since no page holds a
// secret: the visitor's token is in a cookie only.
func render(ctx iris.Context, status int, view string, data iris.Map) error {
	var page bytes.Buffer
	if err := ctx.Application().View(&page, view, "main", data); err != nil {
		return err
	}
	body := page.Bytes()
	setHeader(ctx, "Content-Security-Policy", pagePolicy)
	setHeader(ctx, "Content-Type", "text/html; charset=utf-8")
	ctx.ResponseWriter().Header().Add("Vary", "Accept-Encoding")
	if len(body) >= worthCompressing && acceptsGzip(ctx.Request()) {
		setHeader(ctx, "Content-Encoding", "gzip")
		body = compress(body, gzip.DefaultCompression)
	}
	ctx.StatusCode(status)
	if _, err := ctx.Write(body); err != nil {
		golog.Debugf("Writing the answer: %v", err) // the client has gone
	}
	return nil
}
