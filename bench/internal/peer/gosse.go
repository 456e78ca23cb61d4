package peer

import (
	"io"
	"net/http"
	"strings"

	"github.com/tmaxmax/go-sse"
)

// GoSSE returns a handler built on github.com/tmaxmax/go-sse as its documentation suggests, which replays from the
// newest keep events.
func GoSSE(keep int) (http.Handler, error) {
	replayer, err := sse.NewFiniteReplayer(keep, true)
	if err != nil {
		return nil, err
	}
	server := &sse.Server{
		Provider: &sse.Joe{Replayer: replayer},
		OnSession: func(w http.ResponseWriter, r *http.Request) ([]string, bool) {
			// The library sends the head with the first event; until then a client could not tell that it is connected.
			w.Header().Set("Content-Type", "text/event-stream")
			http.NewResponseController(w).Flush()
			return []string{r.PathValue("topic")}, true
		},
	}
	mux := http.NewServeMux()
	mux.Handle("GET /events/{topic}", server)
	mux.HandleFunc("POST /events/{topic}", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxData))
		message := &sse.Message{}
		message.AppendData(strings.TrimSpace(string(data)))
		if err == nil {
			err = server.Publish(message, r.PathValue("topic"))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	return mux, nil
}
