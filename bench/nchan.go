package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"
)

// nchanMissing is the message where nchan cannot run.
const nchanMissing = "nginx with nchan is not installed, so it is left out " +
	"(to install it: apt-get install nginx libnginx-mod-nchan)"

// nginxModules is where distributions put nginx's dynamic modules.
var nginxModules = []string{"/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules",
	"/usr/local/nginx/modules"}

var errNoNchan = errors.New(nchanMissing)

// findNchan finds nginx and its module.
func findNchan() (nginx, module string, err error) {
	for _, name := range []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"} {
		if nginx, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err != nil {
		return "", "", errNoNchan
	}
	for _, dir := range nginxModules {
		module = filepath.Join(dir, "ngx_nchan_module.so")
		if _, err := os.Stat(module); err == nil {
			return nginx, module, nil
		}
	}
	return "", "", errNoNchan
}

var nginxConfig = template.Must(template.New("nginx.conf").Parse(`load_module {{.Module}};
daemon off;
{{if .Root}}user root;
{{end}}worker_processes 2;
worker_rlimit_nofile 20000;
pid {{.Dir}}/nginx.pid;
error_log {{.Dir}}/error.log error;
events {
    worker_connections {{.Streams}};
}
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_buffer_size 128k;
    client_body_temp_path {{.Dir}}/body;
    proxy_temp_path {{.Dir}}/proxy;
    fastcgi_temp_path {{.Dir}}/fastcgi;
    uwsgi_temp_path {{.Dir}}/uwsgi;
    scgi_temp_path {{.Dir}}/scgi;
    nchan_shared_memory_size 512M;
    server {
        listen {{.Address}} backlog=4096;
        location ~ ^/events/(.+)$ {
            nchan_channel_id $1;
            nchan_publisher http;
            nchan_subscriber eventsource;
            nchan_subscriber_first_message newest;
            nchan_message_buffer_length {{.Keep}};
            nchan_message_timeout 1h;
        }
    }
}
`))

func nchanCommand(_ *lab, address, dir string) (*exec.Cmd, error) {
	nginx, module, err := findNchan()
	if err != nil {
		return nil, err
	}
	name := filepath.Join(dir, "nginx.conf")
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	err = nginxConfig.Execute(f, map[string]any{"Module": module, "Dir": dir, "Root": os.Geteuid() == 0,
		"Streams": maxStreams, "Address": address, "Keep": historyEvents})
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return exec.Command(nginx, "-p", dir, "-c", name, "-e", filepath.Join(dir, "error.log")), nil
}
