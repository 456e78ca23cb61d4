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

// statuses is the only table from error codes to HTTP statuses.
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
	stream.Broken:        http.StatusServiceUnavailable,
	stream.Full:          http.StatusInsufficientStorage,
	stream.Internal:      http.StatusInternalServerError,
}

// retryAfter is how many seconds a client should wait before it tries again.
const retryAfter = "5"

// problem is the body of an error (RFC 9457). It has no type, which means "about:blank".
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// handler answers a request, or returns the error that is to be its answer.
type handler func(iris.Context) error

// answer makes the error that h returns the answer. It wraps every handler, and every middleware that can refuse a
// request.
func (s *Site) answer(h handler) iris.Handler {
	return func(ctx iris.Context) {
		began := time.Now()
		if err := h(ctx); err != nil {
			s.fail(ctx, began, err)
		}
	}
}

// fail answers with an error: problem details, or a page with the same text for Accept: text/html. If a part of
// another answer has been sent already it cuts the connection, so that half an answer never looks complete. It logs
// the cause of bugs; a store that cannot work has logged that itself, once and not for each request.
func (s *Site) fail(ctx iris.Context, began time.Time, err error) {
	e := stream.AsError(err)
	sent := ctx.ResponseWriter().Written() > 0
	s.logFailure(ctx, began, err, sent)
	if sent {
		panic(http.ErrAbortHandler)
	}
	if statuses[e.Code] == http.StatusServiceUnavailable {
		setHeader(ctx, "Retry-After", retryAfter)
	}
	ctx.ResponseWriter().Header().Del("Content-Disposition") // of an export that failed
	status := statuses[e.Code]
	p := problem{http.StatusText(status), status, e.Detail}
	setHeader(ctx, "Cache-Control", "no-store")
	if accepts(ctx.Request(), "text/html") {
		err := render(ctx, status, "error",
			iris.Map{"Title": p.Title, "Path": "", "Status": status, "Detail": p.Detail})
		if err == nil {
			return
		}
		s.Traffic.Failed(entry(ctx, began, 0), err)
	}
	writeAs(ctx, status, "application/problem+json", p)
}

// unrouted answers where there is no route: 405 with the methods that exist, or 404.
func (s *Site) unrouted(ctx iris.Context) error {
	allow := allowed(ctx)
	if len(allow) == 1 { // OPTIONS
		return stream.Errorf(stream.NotFound, "There is nothing at this address. The home page is /.")
	}
	setHeader(ctx, "Allow", strings.Join(allow, ", "))
	detail := "This address accepts " + strings.Join(allow, ", ") + "."
	if ctx.Path() == "/events" && ctx.Method() == http.MethodPost {
		detail = "Publish to a topic: POST /events/news"
	}
	return stream.Errorf(stream.NotAllowed, "%s", detail)
}

// allowed lists every method that the address accepts.
func allowed(ctx iris.Context) []string {
	var methods []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
		if ctx.RouteExists(method, ctx.Path()) {
			methods = append(methods, method)
		}
	}
	return append(methods, http.MethodOptions)
}

// recover answers a panic as a bug; see fail.
func (s *Site) recover(ctx iris.Context) {
	began := time.Now()
	defer func() {
		reason := recover()
		if reason == nil {
			return
		}
		if err, ok := reason.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(reason)
		}
		s.fail(ctx, began, fmt.Errorf("panic: %v\n%s", reason, debug.Stack()))
	}()
	ctx.Next()
}

// accepts reports whether the request's Accept names a media type, with any parameters.
func accepts(r *http.Request, mediaType string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		name, _, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), mediaType) {
			return true
		}
	}
	return false
}

// bodyError explains a failed read of a request's body.
func (s *Site) bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(s.MaxData)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return stream.Errorf(stream.TooSlow, "The body did not arrive within %v.", s.bodyTimeout())
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return stream.Errorf(stream.Invalid, "The body is incomplete: it ended before its announced length.")
	}
	return stream.Errorf(stream.Invalid, "The body is malformed; send a form as application/x-www-form-urlencoded.")
}

// setHeader sets a header field. (Iris' ctx.Header adds another one.)
func setHeader(ctx iris.Context, name, value string) { ctx.ResponseWriter().Header().Set(name, value) }

func writeJSON(ctx iris.Context, status int, v any) { writeAs(ctx, status, "application/json", v) }

// writeAs answers with v as JSON, declared as contentType.
func writeAs(ctx iris.Context, status int, contentType string, v any) {
	setHeader(ctx, "Content-Type", contentType)
	ctx.StatusCode(status)
	http.NewResponseController(ctx.ResponseWriter().Naive()).SetWriteDeadline(time.Now().Add(answerTimeout))
	if _, err := ctx.WriteString(stream.MustJSON(v) + "\n"); err != nil {
		golog.Debugf("Writing the answer: %v", err) // the client has gone
	}
}
