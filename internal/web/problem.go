package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/kataras/golog"
	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/stream"
)

// statuses is the one table from what went wrong to HTTP.
var statuses = map[stream.Code]int{
	stream.Invalid:       http.StatusBadRequest,
	stream.Unprocessable: http.StatusUnprocessableEntity,
	stream.MediaType:     http.StatusUnsupportedMediaType,
	stream.TooLarge:      http.StatusRequestEntityTooLarge,
	stream.Forbidden:     http.StatusForbidden,
	stream.NotFound:      http.StatusNotFound,
	stream.NotAllowed:    http.StatusMethodNotAllowed,
	stream.TooSlow:       http.StatusRequestTimeout,
	stream.Unavailable:   http.StatusServiceUnavailable,
	stream.Full:          http.StatusInsufficientStorage,
	stream.Internal:      http.StatusInternalServerError,
}

// retryAfter is how many seconds a client is to wait for a store that cannot work.
const retryAfter = "5"

// problem is the body of every error (RFC 9457). No type is "about:blank": the status says it.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// handler answers a request, or returns the error that is to be its answer.
type handler func(iris.Context) error

// answer has h answer, and answers the error that it returns. Every handler and every middleware that may refuse a request
// is wrapped in it.
func answer(h handler) iris.Handler {
	return func(ctx iris.Context) {
		if err := h(ctx); err != nil {
			Fail(ctx, err)
		}
	}
}

// Fail answers with an error: problem details, or for Accept: text/html a page with the same words. Where a part of another
// answer has been sent already it ends the connection, so that half an answer never looks like a whole one. Bugs are logged
// here. Why a store cannot work the store has logged, once and not for each request.
func Fail(ctx iris.Context, err error) {
	e := stream.AsError(err)
	sent := ctx.ResponseWriter().Written() > 0
	if (sent || e.Code == stream.Internal) && !errors.Is(err, ctx.Request().Context().Err()) { // else the client has left
		golog.Errorf("%s %q: %v", ctx.Method(), ctx.Path(), err)
	}
	if sent {
		panic(http.ErrAbortHandler)
	}
	if e.Code == stream.Unavailable {
		setHeader(ctx, "Retry-After", retryAfter)
	}
	ctx.ResponseWriter().Header().Del("Content-Disposition") // of the file that it would have been
	status := statuses[e.Code]
	p := problem{http.StatusText(status), status, e.Detail}
	setHeader(ctx, "Cache-Control", "no-store")
	if accepts(ctx.Request(), "text/html") {
		err := render(ctx, status, "error", iris.Map{"Title": p.Title, "Path": "", "Status": status, "Detail": p.Detail})
		if err == nil {
			return
		}
		golog.Errorf("Rendering the error page: %v", err)
	}
	writeAs(ctx, status, "application/problem+json", p)
}

// unrouted answers where no route is: 405 with the methods that there are, or 404.
func (s *Site) unrouted(ctx iris.Context) error {
	allow := allowed(ctx)
	if len(allow) == 1 { // OPTIONS
		return stream.Errorf(stream.NotFound, "There is nothing at this address. The page at / shows what there is.")
	}
	setHeader(ctx, "Allow", strings.Join(allow, ", "))
	detail := "This address answers " + strings.Join(allow, ", ") + "."
	if ctx.Path() == "/events" && ctx.Method() == http.MethodPost {
		detail = "Publish to a topic: POST /events/news"
	}
	return stream.Errorf(stream.NotAllowed, "%s", detail)
}

// allowed is every method that the address answers.
func allowed(ctx iris.Context) []string {
	var methods []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
		if ctx.RouteExists(method, ctx.Path()) {
			methods = append(methods, method)
		}
	}
	return append(methods, http.MethodOptions)
}

// recover makes a panic a 500 where nothing has been sent yet, and the end of the connection where something has.
func (s *Site) recover(ctx iris.Context) {
	defer func() {
		reason := recover()
		if reason == nil {
			return
		}
		if err, ok := reason.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(reason)
		}
		Fail(ctx, fmt.Errorf("panic: %v\n%s", reason, debug.Stack()))
	}()
	ctx.Next()
}

// accepts says whether the request's Accept names a media type, whatever its parameters.
func accepts(r *http.Request, mediaType string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		name, _, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), mediaType) {
			return true
		}
	}
	return false
}

// bodyError is what a failed read of a request's body means.
func (s *Site) bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(s.MaxData)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return stream.Errorf(stream.TooSlow, "The body did not arrive within %v.", s.bodyTimeout())
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return stream.Errorf(stream.Invalid, "The body ended before its announced length.")
	}
	return stream.Errorf(stream.Invalid, "The body is malformed; a form is application/x-www-form-urlencoded.")
}

// setHeader sets a header; Iris' ctx.Header would add one more.
func setHeader(ctx iris.Context, name, value string) { ctx.ResponseWriter().Header().Set(name, value) }

func writeJSON(ctx iris.Context, status int, v any) { writeAs(ctx, status, "application/json", v) }

func writeAs(ctx iris.Context, status int, contentType string, v any) {
	setHeader(ctx, "Content-Type", contentType)
	ctx.StatusCode(status)
	http.NewResponseController(ctx.ResponseWriter().Naive()).SetWriteDeadline(time.Now().Add(answerTimeout))
	if _, err := ctx.WriteString(stream.MustJSON(v) + "\n"); err != nil {
		golog.Debugf("Answering: %v", err) // the client has gone
	}
}
