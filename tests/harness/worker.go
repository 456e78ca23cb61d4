package harness

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Worker is the target, in the DevTools protocol, of the shared worker of the tab's browser context; "" if there is
// none.
func (b *Tab) Worker() target.ID {
	b.t.Helper()
	all, err := chromedp.CallBrowser(b.ctx, target.GetTargets, target.GetTargetsParams{Filter: target.Filter{{}}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, info := range all.TargetInfos {
		if info.Type == "shared_worker" && info.BrowserContextID == chromedp.FromContext(b.ctx).BrowserContextID {
			return info.TargetID
		}
	}
	return ""
}

// KillWorker ends the shared worker.
func (b *Tab) KillWorker() {
	b.t.Helper()
	killed := b.Worker()
	if killed == "" {
		b.t.Fatal("there is no shared worker")
	}
	_, err := chromedp.CallBrowser(b.ctx, target.CloseTarget, target.CloseTargetParams{TargetID: killed})
	if err != nil {
		b.t.Fatal(err)
	}
	Eventually(b.t, "the worker is dead", func() bool { return b.Worker() != killed })
}

// Attach opens the protocol's way to the shared worker, for Cut.
func (b *Tab) Attach() {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(b.Worker()), chromedp.WithDetachOnCancel())
	b.t.Cleanup(cancel)
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`true`)); err != nil {
		b.t.Fatalf("attaching to the worker: %v", err)
	}
	b.workerCtx = ctx
}

// Cut takes the network, for what is begun from now on, away from the page and from the worker, if it is attached, or
// gives it back.
func (b *Tab) Cut(offline bool) {
	b.t.Helper()
	type params struct {
		Offline            bool    `json:"offline"`
		Latency            float64 `json:"latency"`
		DownloadThroughput float64 `json:"downloadThroughput"`
		UploadThroughput   float64 `json:"uploadThroughput"`
	}
	emulate := cdp.Command[params, cdp.Empty]{Method: "Network.emulateNetworkConditions"}
	ends := params{offline, 0, -1, -1}
	Call(b, emulate, ends)
	if b.workerCtx != nil {
		if _, err := chromedp.Call(b.workerCtx, emulate, ends); err != nil {
			b.t.Fatal(err)
		}
	}
}

// Close closes the tab.
func (b *Tab) Close() {
	b.t.Helper()
	b.Check()
	if err := chromedp.Cancel(b.ctx); err != nil {
		b.t.Fatal(err)
	}
}

// Crash has the tab's process crash.
func (b *Tab) Crash() {
	b.Forgive(".")
	go chromedp.Run(b.ctx, chromedp.Navigate("chrome://crash")) // never answered
}
