package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"iris-broadcast/bench/internal/loadgen"
)

// errUsage matches a wrong command line.
var errUsage = errors.New("see -h")

// settings is the command line.
type settings struct {
	stream    *url.URL // with {topic}, perhaps
	publish   *url.URL // nil to listen only
	address   string   // host:port of the stream
	clients   int
	perSecond int
	rate      float64
	size      int
	length    time.Duration
	topics    int
	slow      int
	storm     bool
	insecure  bool
	html      string
	json      string
}

const topicMark = "{topic}"

const usage = `Usage: load [flags] URL

Opens many streams of an SSE server, publishes to it, and checks that every client
gets every event once and in order. {topic} in the URL is the number of a topic.

  go -C bench run ./load -n 5000 -rate 100 http://localhost:8080/events/load
  go -C bench run ./load -topics 100 http://localhost:8080/events/load/{topic}

`

func parse(args []string, out io.Writer) (s settings, err error) {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() {
		fmt.Fprint(out, usage)
		flags.PrintDefaults()
	}
	flags.IntVar(&s.clients, "n", 1000, "clients")
	flags.IntVar(&s.perSecond, "ramp", 2000, "clients that begin to connect in a second")
	flags.Float64Var(&s.rate, "rate", 10, "events published a second, on all topics together")
	flags.IntVar(&s.size, "size", 100, "data of an event, in bytes")
	flags.DurationVar(&s.length, "for", 10*time.Second, "how long to publish, or to listen")
	flags.IntVar(&s.topics, "topics", 1, "topics, numbered from 0; clients and events take turns")
	flags.IntVar(&s.slow, "slow", 0, "clients that read nothing before the end")
	flags.BoolVar(&s.storm, "storm", false, "at the end cut all clients, publish, and have them come back at once")
	flags.BoolVar(&s.insecure, "insecure", false, "take any TLS certificate")
	flags.StringVar(&s.html, "html", "", "write a report to this `file`")
	flags.StringVar(&s.json, "json", "", "write the figures to this `file`")
	publish := flags.String("publish", "", "`URL` to POST events to, or none (default: the stream's)")
	stream := ""
	for rest := args; ; {
		if err := flags.Parse(rest); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return s, err
			}
			return s, fmt.Errorf("%w (%w)", err, errUsage)
		}
		if flags.NArg() == 0 {
			break
		}
		if stream != "" {
			return s, wrong("%q and %q: want one URL", stream, flags.Arg(0))
		}
		stream, rest = flags.Arg(0), flags.Args()[1:]
	}
	return s, s.check(stream, *publish)
}

func wrong(format string, args ...any) error {
	return fmt.Errorf("%s (%w)", fmt.Sprintf(format, args...), errUsage)
}

// check completes the settings with the URLs, and rejects invalid ones.
func (s *settings) check(stream, publish string) (err error) {
	if stream == "" {
		return wrong("want the URL of a stream, such as http://localhost:8080/events/load")
	}
	if s.stream, err = parseURL(stream); err != nil {
		return err
	}
	s.address = address(s.stream)
	switch publish {
	case "none":
	case "":
		s.publish = s.stream
	default:
		if s.publish, err = parseURL(publish); err != nil {
			return err
		}
	}
	switch {
	case s.clients < 1:
		return wrong("-n %d: want 1 or more", s.clients)
	case s.perSecond < 1:
		return wrong("-ramp %d: want 1 or more", s.perSecond)
	case s.rate <= 0 || s.rate > 1e6:
		return wrong("-rate %v: want more than 0, up to 1,000,000", s.rate)
	case s.size < loadgen.StampSize || s.size > 1<<20:
		return wrong("-size %d: want %d (what an event must carry to be checked) to %d", s.size, loadgen.StampSize,
			1<<20)
	case s.length < time.Second:
		return wrong("-for %v: want 1s or more", s.length)
	case s.topics < 1 || s.topics > 100000:
		return wrong("-topics %d: want 1 to 100,000", s.topics)
	case s.topics > 1 && !strings.Contains(stream, topicMark):
		return wrong("-topics %d, but no %s in %s", s.topics, topicMark, stream)
	case s.topics > 1 && s.publish != nil && publish != "" && !strings.Contains(publish, topicMark):
		return wrong("-topics %d, but no %s in -publish %s", s.topics, topicMark, publish)
	case s.slow < 0 || s.slow > s.clients:
		return wrong("-slow %d: want 0 to -n, which is %d", s.slow, s.clients)
	}
	return nil
}

func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, wrong("%q: want a URL such as http://localhost:8080/events/load", text)
	}
	return u, nil
}

func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// pathOf is the request target for a topic of u.
func pathOf(u *url.URL, topic int) string {
	path := strings.ReplaceAll(u.RequestURI(), "%7Btopic%7D", topicMark)
	return strings.ReplaceAll(path, topicMark, strconv.Itoa(topic))
}

// commandLine repeats the run.
func commandLine(args []string) string {
	quoted := []string{"go -C bench run ./load"}
	for _, a := range args {
		if strings.ContainsAny(a, " {}?&*;$'\"") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted = append(quoted, a)
	}
	return strings.Join(quoted, " ")
}
