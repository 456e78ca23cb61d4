package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"iris-broadcast/internal/memory"
	"iris-broadcast/internal/stream/logtest"
)

func TestTheProbesSayHowManyStreamsAreOpenAndWhatIsDamaged(t *testing.T) {
	store := memory.New(logtest.Generous)
	handler := handle(t, Site{Events: Source{Log: store}, Board: store,
		Streams: func() int { return 3 }, Closing: func() bool { return false },
		Damage: func() []string { return []string{"A table is damaged."} }})
	for path, want := range map[string]string{
		"/healthz": `{"status":"ok","streams":3}`,
		"/readyz":  `{"damage":["A table is damaged."],"status":"ok","streams":3}`,
	} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if got := strings.TrimSpace(answer.Body.String()); answer.Code != http.StatusOK || got != want {
			t.Errorf("%s: %d %s, want %s", path, answer.Code, got, want)
		}
	}
}
