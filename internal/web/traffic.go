package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/logs"
	"iris-broadcast/internal/stream"
)

// logWrites logs the requests that h grants; fail logs the others.
func (s *Site) logWrites(h handler) handler {
	return func(ctx iris.Context) error {
		began := time.Now()
		err := h(ctx)
		if err == nil {
			s.Traffic.Published(func() logs.Entry { return entry(ctx, began, ctx.GetStatusCode()) })
		}
		return err
	}
}

// logFailure logs a request that err ends, unless its client has gone. sent says that a part of its answer has left.
func (s *Site) logFailure(ctx iris.Context, began time.Time, err error, sent bool) {
	e := stream.AsError(err)
	if errors.Is(err, ctx.Request().Context().Err()) {
		return
	}
	switch {
	case sent:
		s.Traffic.Failed(entry(ctx, began, 0), err)
	case e.Code == stream.Internal:
		s.Traffic.Failed(entry(ctx, began, statuses[e.Code]), err)
	default:
		s.Traffic.Refused(func() logs.Entry {
			refused := entry(ctx, began, statuses[e.Code])
			refused.Reason = e.Detail
			return refused
		})
	}
}

// entry is what the log says of a request.
func entry(ctx iris.Context, began time.Time, status int) logs.Entry {
	r := ctx.Request()
	return logs.Entry{Client: logs.From(r, began), Method: r.Method, Path: r.URL.Path, Topics: topicsOf(r),
		Status: status, Bytes: r.ContentLength}
}

// topicsOf returns the topics that a request names. They may be invalid.
func topicsOf(r *http.Request) string {
	path := r.URL.Path
	inPath, ok := strings.CutPrefix(path, "/events/")
	switch inQuery := r.URL.Query()["topic"]; {
	case ok:
		return inPath
	case len(inQuery) > 0:
		return strings.Join(inQuery, ",")
	case strings.Contains(path, "/comments"):
		return stream.Comments.String()
	case strings.Contains(path, "/audits"):
		return stream.Audits.String()
	case r.PostForm != nil:
		return r.PostForm.Get("topic")
	}
	return fixed[path].String()
}
