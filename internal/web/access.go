package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/stream"
)

// Access says who may read and write.
type Access struct {
	OpenPublish bool     // anybody may write, not only this machine
	Origins     []string // other origins whose pages may read and write; nil: any may read, none write
}

// headers are what every answer has. Pages have a policy of their own.
func (s *Site) headers(ctx iris.Context) {
	setHeader(ctx, "X-Content-Type-Options", "nosniff")
	setHeader(ctx, "Referrer-Policy", "no-referrer")
	setHeader(ctx, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	ctx.Next()
}

// crossOrigin keeps pages of other origins to what they may, and answers preflights. Every preflight passes: the request
// behind it is checked when it comes, and can then be refused with a reason that its developer can read.
func (s *Site) crossOrigin(ctx iris.Context) error {
	r := ctx.Request()
	origin := r.Header.Get("Origin")
	if len(s.Origins) == 0 {
		setHeader(ctx, "Access-Control-Allow-Origin", "*")
	} else {
		ctx.ResponseWriter().Header().Add("Vary", "Origin")
		if origin != "" {
			setHeader(ctx, "Access-Control-Allow-Origin", origin)
		}
	}
	switch {
	case r.Method == http.MethodOptions:
		return s.preflight(ctx)
	case len(s.Origins) > 0 && !s.mayRead(r, origin):
		return stream.Errorf(stream.Forbidden, "Pages of this origin may neither read nor write here; "+
			"name it in -cors-origins (or BROADCAST_CORS_ORIGINS).")
	case s.check.Check(r) != nil:
		return stream.Errorf(stream.Forbidden, "Pages of another origin may not write here; "+
			"name it in -cors-origins (or BROADCAST_CORS_ORIGINS).")
	}
	ctx.Next()
	return nil
}

// mayRead says whether a request comes from a named origin, from the server's own pages, or from no page at all. The own
// pages' scheme is not compared: a proxy may have another one than this server.
func (s *Site) mayRead(r *http.Request, origin string) bool {
	if origin == "" || slices.Contains(s.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == r.Host
}

func (s *Site) preflight(ctx iris.Context) error {
	allow := allowed(ctx)
	if len(allow) == 1 { // OPTIONS itself
		return s.unrouted(ctx)
	}
	setHeader(ctx, "Allow", strings.Join(allow, ", "))
	if ctx.GetHeader("Access-Control-Request-Method") != "" {
		setHeader(ctx, "Access-Control-Allow-Methods", strings.Join(allow, ", "))
		setHeader(ctx, "Access-Control-Allow-Headers", "Content-Type, Last-Event-ID, Cache-Control, Authorization")
		setHeader(ctx, "Access-Control-Max-Age", "3600")
	}
	ctx.StatusCode(http.StatusNoContent)
	return nil
}

// guardWrites refuses writes that do not come from this machine itself, unless OpenPublish is set.
func (s *Site) guardWrites(h handler) handler {
	return func(ctx iris.Context) error {
		if !s.canWrite(ctx.Request()) {
			return stream.Errorf(stream.Forbidden, "Only this machine may write, by the name localhost and not through a proxy. "+
				"Start the server with -open-publish (or BROADCAST_OPEN_PUBLISH=true) to let everybody write.")
		}
		return h(ctx)
	}
}

// canWrite says whether the peer may write. A Host by another name may be a page's that has had its name point here (DNS
// rebinding); a forwarded request may be anybody's.
func (s *Site) canWrite(r *http.Request) bool {
	if s.OpenPublish {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if !slices.Contains([]string{"localhost", "127.0.0.1", "::1", "[::1]"}, strings.ToLower(host)) {
		return false
	}
	for name := range r.Header {
		if name == "Forwarded" || name == "Via" || strings.HasPrefix(name, "X-Forwarded-") {
			return false
		}
	}
	return true
}
