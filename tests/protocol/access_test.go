package protocol

import (
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

func TestOnlyThisMachineWritesUntilTheServerIsOpened(t *testing.T) {
	t.Parallel()
	for _, open := range []bool{false, true} {
		s := harness.Serve(t, "-demo=false", fmt.Sprint("-open-publish=", open))
		port := s.URL[strings.LastIndex(s.URL, ":"):]
		write := func(headers string, local bool) {
			e := exchange{"POST /events/news | " + headers, "x", 201, nil, `"topic":"news"`}
			if !local && !open {
				e.status, e.says = 403, "-open-publish"
			}
			e.try(t, s)
		}
		for host, local := range map[string]bool{
			"localhost": true, "localhost" + port: true, "LOCALHOST": true, "127.0.0.1": true, "127.0.0.1" + port: true,
			"[::1]": true, "[::1]:80": true,
			"evil.test": false, "localhost.evil.test": false, "127.0.0.2": false, "evil.test" + port: false,
		} {
			write("Host: "+host, local)
			exchange{"GET /events/news | Host: " + host, "", 200, nil, "id: "}.try(t, s)
		}
		for _, header := range []string{
			"Forwarded: for=1.2.3.4", "Via: 1.1 proxy", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https",
			"x-forwarded-whatever: x",
		} {
			write("Host: localhost | "+header, false)
		}
	}
}

// own are the addresses from which this machine can reach itself.
func own(t *testing.T) (addresses []net.IP) {
	t.Helper()
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range interfaces {
		if network, ok := address.(*net.IPNet); ok && !network.IP.IsLinkLocalUnicast() {
			addresses = append(addresses, network.IP)
		}
	}
	if runtime.GOOS == "linux" { // where all of 127.0.0.0/8 is this machine
		addresses = append(addresses, net.IPv4(127, 9, 9, 9))
	}
	return addresses
}

func TestAPeerFromElsewhereMayNotWrite(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-addr", ":0") // all networks
	_, port, _ := net.SplitHostPort(s.Host())
	elsewhere := false
	for _, address := range own(t) {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: address}}
		client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		url := "http://" + net.JoinHostPort(address.String(), port) + "/events/news"
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "localhost"
		response, err := client.Do(request)
		if err != nil {
			t.Errorf("from %v: %v", address, err)
			continue
		}
		response.Body.Close()
		want := http.StatusForbidden // as from another machine
		if address.IsLoopback() {
			want = http.StatusCreated
		}
		elsewhere = elsewhere || want == http.StatusForbidden
		if response.StatusCode != want {
			t.Errorf("from %v: %d, want %d", address, response.StatusCode, want)
		}
	}
	if !elsewhere {
		t.Skip("this machine has no address beside loopback; give it a network")
	}
}

func TestByDefaultPagesOfOtherOriginsReadAndDoNotWrite(t *testing.T) {
	t.Parallel()
	anyOrigin := map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": ""}
	const post = "POST /events/news | "
	tryAll(t, harness.Shared(t), []exchange{
		{"GET /events/news | Origin: https://evil.test", "", 200, anyOrigin, "id: "},
		{"GET /events/news | Origin: null", "", 200, anyOrigin, "id: "},
		{"GET /events/news | Origin: https://evil.test" + asList, "", 200, anyOrigin, "events"},
		{post + "Host: localhost:1 | Origin: http://localhost:1", "x", 201, anyOrigin, ""},
		{post + "Sec-Fetch-Site: same-origin | Origin: http://127.0.0.1", "x", 201, anyOrigin, ""},
		{post + "Sec-Fetch-Site: none", "x", 201, anyOrigin, ""},
		{post + "Origin: https://evil.test", "x", 403, anyOrigin, "-cors-origins"},
		{post + "Origin: null", "x", 403, anyOrigin, "-cors-origins"},
		{post + "Sec-Fetch-Site: cross-site", "x", 403, anyOrigin, "-cors-origins"},
		{post + "Sec-Fetch-Site: same-site", "x", 403, anyOrigin, "-cors-origins"},
	})
}

func TestNamedOriginsAloneReadAndWrite(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false", "-cors-origins", "https://app.test, http://localhost:3000")
	allow := func(origin, vary string) map[string]string {
		return map[string]string{"Access-Control-Allow-Origin": origin, "Vary": vary}
	}
	app := map[string]string{"Access-Control-Allow-Origin": "https://app.test"}
	evil := map[string]string{"Access-Control-Allow-Origin": "https://evil.test"}
	null := map[string]string{"Access-Control-Allow-Origin": "null"}
	const get, post = "GET /events/news | ", "POST /events/news | "
	tryAll(t, s, []exchange{
		{get + "Origin: https://app.test", "", 200, allow("https://app.test", "Origin, Accept"), "id: "},
		{get + "Origin: http://localhost:3000", "", 200, allow("http://localhost:3000", "Origin, Accept"), "id: "},
		{"GET /events/news", "", 200, allow("", "Origin, Accept"), "id: "},
		{get + "Host: localhost:1 | Origin: http://localhost:1", "", 200, nil, "id: "},
		{post + "Origin: https://app.test | Sec-Fetch-Site: cross-site", "x", 201, app, ""},
		{get + "Origin: https://evil.test", "", 403, allow("https://evil.test", "Origin"), "-cors-origins"},
		{get + "Origin: null", "", 403, null, "-cors-origins"},
		{"GET / | Origin: https://app.test.evil.test", "", 403, nil, "-cors-origins"},
		{post + "Origin: https://evil.test", "x", 403, evil, "-cors-origins"},
		{"POST /events/news", "x", 201, nil, ""},
		{post + "Origin: https://app.test | Host: evil.test", "x", 403, app, "-open-publish"},
		{post + "Origin: https://app.test | X-Forwarded-For: 192.0.2.7", "x", 403, app, "-open-publish"},
	})
}

func TestPreflightsAreCachedForAnHour(t *testing.T) {
	t.Parallel()
	answer := map[string]string{
		"Access-Control-Allow-Headers": "Content-Type, Last-Event-ID, Cache-Control, Authorization",
		"Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
		"Access-Control-Max-Age":       "3600",
	}
	preflight := exchange{"OPTIONS /events/news | Origin: https://app.test | Access-Control-Request-Method: POST",
		"", 204, answer, ""}
	preflight.try(t, harness.Shared(t))
	s := harness.Serve(t, "-demo=false", "-cors-origins", "https://app.test")
	preflight.try(t, s)
	preflight.request = strings.ReplaceAll(preflight.request, "app.test", "evil.test")
	preflight.try(t, s) // what follows is refused, and says why
}
