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
	OpenPublish bool     // anyone may write, not only this machine
	Origins     []string // origins whose pages may read and write; nil: any may read, none may write
}

// headers sets the header fields of every answer. Pages replace the policy with their own.
func (s *Site) headers(ctx iris.Context) {
	setHeader(ctx, "X-Content-Type-Options", "nosniff")
	setHeader(ctx, "Referrer-Policy", "no-referrer")
	setHeader(ctx, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if s.Closing() {
		setHeader(ctx, "Connection", "close") // a client that keeps its connection would be cut off at the end
	}
	ctx.Next()
}

// crossOrigin refuses what pages of other origins may not do, and answers preflights. Every preflight succeeds: the
// request that follows is checked itself, and if it is refused its developer can read why.
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
			"add it to -cors-origins (or BROADCAST_CORS_ORIGINS) to allow it.")
	case s.check.Check(r) != nil:
		return stream.Errorf(stream.Forbidden, "Pages of other origins may not write here; "+
			"add this one to -cors-origins (or BROADCAST_CORS_ORIGINS) to allow it.")
	}
	ctx.Next()
	return nil
}

// mayRead reports whether a request comes from a listed origin, from the server's own pages, or from no page at all.
// The scheme of its own pages is not compared, since a proxy may terminate TLS.
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

// guardWrites refuses writes that do not come from this machine, unless OpenPublish is set.
func (s *Site) guardWrites(h handler) handler {
	return func(ctx iris.Context) error {
		if !s.canWrite(ctx.Request()) {
			return stream.Errorf(stream.Forbidden, "Only this machine may write, as localhost and not through "+
				"a proxy. To let anyone write, start the server with -open-publish (or BROADCAST_OPEN_PUBLISH=true).")
		}
		return h(ctx)
	}
}

// canWrite reports whether the peer may write. Any other Host may be a page whose name was made to resolve to this
// machine (DNS rebinding), and a forwarded request may be anyone's.
func (s *Site) canWrite(r *http.Request) bool {
	if s.OpenPublish {
		return true
	}
	at, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !isLocal(at, r.RemoteAddr) {
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

// isLocal reports whether a connection's peer is a process of this machine: it has a loopback address, or came through
// a Unix socket. at is the server's own end.
func isLocal(at net.Addr, peer string) bool {
	if at != nil && at.Network() == "unix" {
		return true
	}
	addr, err := netip.ParseAddrPort(peer)
	return err == nil && addr.Addr().Unmap().IsLoopback()
}
