#include "ctl/control_server.h"

#include "ctl/handlers.h"

namespace plugin {

ControlServer::ControlServer(event_base* base, Control& control, UnixSocketFile file,
                             const http::Limits& limits)
    : file_(std::move(file)), server_(base, admin_routes(control), limits) {}

broker::Result<std::unique_ptr<ControlServer>> ControlServer::start(event_base* base,
                                                                    Control& control,
                                                                    const std::string& socket_path,
                                                                    const http::Limits& limits) {
  auto listener = listen_on_unix_socket(socket_path);
  if (!listener) return listener.error();
  std::unique_ptr<ControlServer> server(
      new ControlServer(base, control, std::move(listener.value().file), limits));
  if (auto serving = server->server_.serve(std::move(listener.value().fd)); !serving)
    return broker::Error{"control socket " + socket_path + ": " + serving.error().message};
  return server;
}

}  // namespace plugin
