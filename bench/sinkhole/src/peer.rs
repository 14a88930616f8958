//! nginx as a sinkhole: `return 204`, an access log of the same facts, buffered and unsigned.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

pub struct Nginx {
    child: Child,
    pub at: SocketAddr,
}

impl Nginx {
    /// Starts it with its files in `folder`; none where the program is not here.
    pub fn start(folder: &Path) -> Option<Self> {
        let at = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
        let folder = folder.display();
        let text = format!(
            "daemon off;\nworker_processes auto;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n log_format hit '$time_iso8601 $remote_addr $remote_port $host \"$request\" \"$http_user_agent\" $status';\n\
             access_log {folder}/access.log hit buffer=64k flush=1s;\n keepalive_requests 1000;\n\
             client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n\
             uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
             server {{ listen {at} reuseport backlog=1024; location / {{ return 204; }} }}\n}}\n"
        );
        let file = format!("{folder}/nginx.conf");
        std::fs::write(&file, text).ok()?;
        let child = Command::new("nginx").args(["-p", &folder.to_string(), "-c", &file]).spawn().ok()?;
        for _ in 0..100 {
            if TcpStream::connect(at).is_ok() {
                return Some(Self { child, at });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }

    /// The master and its workers.
    pub fn pids(&self) -> Vec<u32> {
        let master = self.child.id();
        let path = format!("/proc/{master}/task/{master}/children");
        let children = std::fs::read_to_string(path).unwrap_or_default();
        let mut pids = vec![master];
        pids.extend(children.split_whitespace().filter_map(|p| p.parse::<u32>().ok()));
        pids
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master takes its workers with it (SIGQUIT would wait for connections; there are none).
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
