package config

import (
	"errors"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

var errOrigins = errors.New("origins as browsers send them, separated by commas, such as https://example.com or " +
	"http://localhost:3000: lower case, no path, no default port, international names as punycode")

// origins reads -cors-origins.
func origins(to *[]string) func(string) error {
	return func(value string) error {
		*to = nil
		for part := range strings.SplitSeq(value, ",") {
			origin := strings.TrimSpace(part)
			if value != "" && !isOrigin(origin) {
				return errOrigins
			}
			if origin != "" {
				*to = append(*to, origin)
			}
		}
		return nil
	}
}

// hostName matches a DNS name as browsers send it.
var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

// numeric matches a host that browsers parse as an IPv4 address (URL standard, "ends in a number checker").
var numeric = regexp.MustCompile(`(^|\.)(\d+|0x[0-9a-f]*)$`)

// isOrigin says whether a browser can send text as the Origin of a page: scheme, host, and the port where it is not the
// scheme's default (HTML standard, "ASCII serialization of an origin").
func isOrigin(text string) bool {
	scheme, rest, found := strings.Cut(text, "://")
	defaultPort, known := map[string]int{"http": 80, "https": 443}[scheme]
	if !found || !known {
		return false
	}
	host, port := rest, ""
	if colon := strings.LastIndexByte(rest, ':'); colon > strings.LastIndexByte(rest, ']') {
		host, port = rest[:colon], rest[colon+1:]
		n, err := strconv.Atoi(port)
		if err != nil || strconv.Itoa(n) != port || n < 1 || n > 65535 || n == defaultPort {
			return false
		}
	}
	if inner, isIPv6 := strings.CutPrefix(host, "["); isIPv6 {
		inner, closed := strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return closed && err == nil && ip.Is6() && !ip.Is4In6() && ip.Zone() == "" && ip.String() == inner
	}
	if numeric.MatchString(host) {
		ip, err := netip.ParseAddr(host)
		return err == nil && ip.Is4()
	}
	return len(host) <= 253 && hostName.MatchString(host)
}
