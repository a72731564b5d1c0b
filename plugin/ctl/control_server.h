// The broker's control socket: the admin routes over HTTP/1.1 on a Unix socket that only the
// server's own user can open.
// Owner: the broker; `base` and `control` are borrowed and outlive it. Threads: start and destroy
// it on the thread that runs `base`, or while nothing runs it; `control` is called on the thread
// that runs it.
#pragma once

#include <memory>
#include <string>

#include "broker/result.h"
#include "ctl/control.h"
#include "ctl/unix_listener.h"
#include "http/limits.h"
#include "http/server.h"

namespace plugin {

class ControlServer {
 public:
  /// Listens when it returns. Destroying the server closes its connections and removes the socket
  /// file.
  [[nodiscard]] static broker::Result<std::unique_ptr<ControlServer>> start(
      event_base* base, Control& control, const std::string& socket_path,
      const http::Limits& limits = {});

 private:
  ControlServer(event_base* base, Control& control, UnixSocketFile file,
                const http::Limits& limits);

  UnixSocketFile file_;
  http::Server server_;
};

}  // namespace plugin
