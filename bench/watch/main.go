// Command watch measures how smoothly a browser shows a busy topic: it opens the page /watch of a running server in a
// headless Chromium, with 10,000 events loaded, keeps publishing, and measures frames and memory. It exits with 1 if
// the page is not smooth, or keeps too much memory.
//
//	go run ./watch -server http://localhost:8080
//
// The server must keep that many events (-keep-events) and accept events from this machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// settings are the command's flags.
type settings struct {
	server, topic, chromium string
	loaded, rate, passing   int
	measured                time.Duration
	smooth                  float64 // share of frames that are to be short
	short                   time.Duration
	heap                    int64 // bytes
}

func main() {
	var s settings
	flag.StringVar(&s.server, "server", "http://localhost:8080", "URL of the running server")
	flag.StringVar(&s.topic, "topic", fmt.Sprint("bench/watch/", time.Now().Unix()), "topic to publish to and to watch")
	flag.StringVar(&s.chromium, "chromium", "", "path of a Chromium; looked for if empty")
	flag.IntVar(&s.loaded, "loaded", 10_000, "events in the page before anything is measured")
	flag.IntVar(&s.rate, "rate", 100, "events a second while frames are measured")
	flag.IntVar(&s.passing, "passing", 100_000, "events that pass while memory is measured")
	flag.DurationVar(&s.measured, "for", 20*time.Second, "how long frames are measured")
	flag.DurationVar(&s.short, "short", 50*time.Millisecond, "the longest that a frame may take")
	flag.Float64Var(&s.smooth, "smooth", 0.99, "share of frames that may take no longer")
	flag.Int64Var(&s.heap, "heap", 64<<20, "bytes of the page's JavaScript heap at most, after all events have passed")
	flag.Parse()
	if err := run(context.Background(), s); err != nil {
		fmt.Fprintln(os.Stderr, "watch:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(1280, 900))
	if s.chromium != "" {
		options = append(options, chromedp.ExecPath(s.chromium))
	}
	ctx, cancel := chromedp.NewExecAllocator(ctx, options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if _, err := chromedp.Run(ctx,
		chromedp.NavigateResponse(s.server+"/watch?topic="+url.QueryEscape(s.topic))); err != nil {
		return err
	}
	p := &publisher{s: s}
	if err := until(ctx, `document.querySelector("#state").textContent === "Live"`); err != nil {
		return fmt.Errorf("the page does not become live: %w", err)
	}
	if err := p.publish(ctx, s.loaded, 0); err != nil {
		return err
	}
	if err := p.arrived(ctx); err != nil {
		return err
	}
	heap, err := heapUsed(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d events loaded, %.1f MB of heap\n", s.loaded, mega(heap))
	return errors.Join(frames(ctx, s, p), memory(ctx, s, p))
}

// frames publishes at the rate, and measures how long the page's frames take meanwhile.
func frames(ctx context.Context, s settings, p *publisher) error {
	const measure = `new Promise((done) => {
		const times = [];
		let last = performance.now();
		const end = last + %d;
		const frame = (now) => {
			times.push(now - last);
			last = now;
			now < end ? requestAnimationFrame(frame) : done(times.slice(1));
		};
		requestAnimationFrame(frame);
	})`
	published := make(chan error, 1)
	go func() { published <- p.publish(ctx, int(s.measured.Seconds()*float64(s.rate)), s.rate) }()
	times, err := chromedp.Run(ctx,
		chromedp.Evaluate[[]float64](fmt.Sprintf(measure, s.measured.Milliseconds()), chromedp.EvalAwaitPromise))
	if err := errors.Join(err, <-published); err != nil {
		return err
	}
	short, longest := 0, 0.0
	for _, ms := range times {
		longest = max(longest, ms)
		if ms < float64(s.short.Milliseconds()) {
			short++
		}
	}
	share := float64(short) / float64(max(len(times), 1))
	fmt.Printf("%d frames in %v at %d events a second: %.2f %% under %v, the longest %.0f ms\n", len(times), s.measured,
		s.rate, 100*share, s.short, longest)
	if share < s.smooth {
		return fmt.Errorf("%.2f %% of the frames are under %v, want %.2f %%", 100*share, s.short, 100*s.smooth)
	}
	return p.arrived(ctx)
}

// memory publishes many events, and compares the page's heap with its limit.
func memory(ctx context.Context, s settings, p *publisher) error {
	for left := s.passing; left > 0; left -= s.loaded {
		if err := p.publish(ctx, min(left, s.loaded), 0); err != nil {
			return err
		}
		if err := p.arrived(ctx); err != nil {
			return err
		}
	}
	heap, err := heapUsed(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d events have passed, %.1f MB of heap\n", p.published, mega(heap))
	if heap > s.heap {
		return fmt.Errorf("the heap is %.1f MB, want at most %.1f MB", mega(heap), mega(s.heap))
	}
	return nil
}

// publisher publishes records to the topic.
type publisher struct {
	s         settings
	published int
}

// publish publishes n records, at that many a second, or, for 0, as fast as eight clients can.
func (p *publisher) publish(ctx context.Context, n, rate int) error {
	clients := 8
	tick := make(<-chan time.Time)
	if rate > 0 {
		ticker := time.NewTicker(time.Second / time.Duration(rate))
		defer ticker.Stop()
		tick, clients = ticker.C, 1
	}
	var mu sync.Mutex
	var failed []error
	var sending sync.WaitGroup
	for client := range clients {
		sending.Go(func() {
			for i := client; i < n; i += clients {
				if rate > 0 {
					<-tick
				}
				if err := p.send(ctx, p.published+i); err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	sending.Wait()
	p.published += n
	return errors.Join(failed...)
}

func (p *publisher) send(ctx context.Context, n int) error {
	data := fmt.Sprintf(`{"n":%d,"host":"node-%d","load":%.2f,"status":"in_progress",`+
		`"completion":%.2f,"note":"a line of text"}`, n, n%7, float64(n%97)/10, float64(n%1000)/10)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.s.server+"/events/"+p.s.topic,
		strings.NewReader(data))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body) // so that the connection can be used again
	if response.StatusCode != http.StatusCreated {
		return fmt.Errorf("publishing is answered %s", response.Status)
	}
	return nil
}

// arrived waits until the page has received everything published; its entries are numbered as they come.
func (p *publisher) arrived(ctx context.Context) error {
	return until(ctx, fmt.Sprintf(`document.querySelector("live-watch").entries.all.last().n === %d`, p.published-1))
}

// until waits until an expression is true in the page.
func until(ctx context.Context, expression string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		if holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")")); err == nil && holds {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the page did not get there: %s", expression)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// heapUsed is the page's JavaScript heap after a collection, in bytes.
func heapUsed(ctx context.Context) (int64, error) {
	if _, err := chromedp.Call(ctx, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
		return 0, err
	}
	usage, err := chromedp.Call(ctx, runtime.GetHeapUsage, cdp.Empty{})
	return int64(usage.UsedSize), err
}

func mega(bytes int64) float64 { return float64(bytes) / (1 << 20) }
