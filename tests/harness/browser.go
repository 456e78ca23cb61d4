package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// chromium is the one browser of a package's tests. Each test has a browser context of its own in it, which shares
// nothing with the others': no cache, no cookies, no locks, no worker, no connection.
var chromium struct {
	once  sync.Once
	ctx   context.Context
	err   error
	close func()
}

func closeBrowser() {
	if chromium.close != nil {
		chromium.close()
	}
}

// install is how to come by a browser. The headless shell is the same engine without windows of its own, which takes a
// third of the CPU.
const install = "apt-get install chromium-headless-shell, or chromium"

var (
	shells   = []string{"chromium-headless-shell", "chrome-headless-shell"}
	browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}
)

func startBrowser(executable, profile string, hosts ...string) (ctx context.Context, closing func(), err error) {
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(executable),
		chromedp.UserDataDir(profile),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-smooth-scrolling", true),
		chromedp.Flag("lang", "en-US"),
		chromedp.Flag("host-resolver-rules", strings.Join(append(hosts, "MAP *.test 127.0.0.1"), ",")))
	if calm {
		options = append(options, chromedp.Flag("force-prefers-reduced-motion", true))
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil { // starts it
		stop()
		cancel()
		return nil, nil, fmt.Errorf("starting the browser: %w", err)
	}
	return ctx, func() {
		if err := chromedp.Cancel(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "closing the browser:", err)
		}
		stop()
		cancel()
	}, nil
}

// Browse opens a tab in the package's browser, in a browser context of the test's own. Names that end in .test are this
// machine.
func Browse(t testing.TB) *Tab {
	t.Helper()
	path, c := Needs(t, install, append(shells, browsers...)...), &chromium
	c.once.Do(func() { c.ctx, c.close, c.err = startBrowser(path, filepath.Join(scratch(), "profile")) })
	if c.err != nil {
		t.Fatal(c.err)
	}
	return newTab(t, c.ctx, chromedp.WithNewBrowserContext())
}

// BrowseWith opens a tab in a browser of the test's own, in which hosts are rules such as "MAP name 127.0.0.1". It is a
// whole one where there is one, which keeps pages for the way back, as the headless shell does not.
func BrowseWith(t testing.TB, hosts ...string) *Tab {
	t.Helper()
	path := Needs(t, install, append(browsers, shells...)...)
	profile := filepath.Join(t.TempDir(), "profile")
	ctx, closing, err := startBrowser(path, profile, hosts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closing()
		Eventually(t, "the browser is gone", func() bool { return os.RemoveAll(profile) == nil })
	})
	return newTab(t, ctx)
}

// Another opens one more tab in the same browser context.
func (b *Tab) Another() *Tab { return newTab(b.t, b.ctx) }

// Tabs opens that many tabs in one browser context, which run a script before each page's own.
func Tabs(t testing.TB, n int, script string) []*Tab {
	t.Helper()
	all := []*Tab{Browse(t)}
	for len(all) < n {
		all = append(all, all[0].Another())
	}
	for _, b := range all {
		b.Inject(script)
	}
	return all
}
