package peer

import (
	"io"
	"net/http"

	"github.com/r3labs/sse/v2"
)

// R3labs returns a handler built on github.com/r3labs/sse/v2 as its documentation suggests, with AutoReplay. A stream
// is created when its topic is first named. The library keeps every event of it forever.
func R3labs() http.Handler {
	server := sse.New()
	server.AutoStream = true
	server.AutoReplay = true
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events/{topic}", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		query.Set("stream", r.PathValue("topic"))
		r.URL.RawQuery = query.Encode()
		server.ServeHTTP(w, r)
	})
	mux.HandleFunc("POST /events/{topic}", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxData))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		topic := r.PathValue("topic")
		if !server.StreamExists(topic) {
			server.CreateStream(topic)
		}
		server.Publish(topic, &sse.Event{Data: data})
		w.WriteHeader(http.StatusCreated)
	})
	return mux
}
