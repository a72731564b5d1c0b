// What an API server is measured against: evhttp with nothing around it, that answers every request
// with the same octets. Says its ports in one line, and serves until its input ends.
//
// Usage: hello-server ANSWER_OCTETS CERTIFICATE PRIVATE_KEY
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

void hello(evhttp_request* request, void* answer) {
  const auto& text = *static_cast<const std::string*>(answer);
  evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "application/json");
  evbuffer* body = evbuffer_new();
  evbuffer_add(body, text.data(), text.size());
  evhttp_send_reply(request, 200, "OK", body);
  evbuffer_free(body);
}

bufferevent* over_tls(event_base* base, void* context) {
  return bufferevent_openssl_socket_new(base, -1, SSL_new(static_cast<SSL_CTX*>(context)),
                                        BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

int listen_on_loopback(evhttp* http) {
  evhttp_bound_socket* bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
  if (bound == nullptr) return 0;
  // Accepted sockets inherit it. Without, Nagle's algorithm would be what is measured over TLS.
  const int yes = 1;
  ::setsockopt(evhttp_bound_socket_get_fd(bound), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(evhttp_bound_socket_get_fd(bound), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

void stop(evutil_socket_t input, short, void* base) {
  char octet = 0;
  if (::read(input, &octet, 1) <= 0) event_base_loopexit(static_cast<event_base*>(base), nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return EXIT_FAILURE;
  ::signal(SIGPIPE, SIG_IGN);
  std::string answer(std::strtoul(argv[1], nullptr, 10), 'x');
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context, argv[2]) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, argv[3], SSL_FILETYPE_PEM) != 1)
    return EXIT_FAILURE;
  event_base* base = event_base_new();
  evhttp* plain = evhttp_new(base);
  evhttp* tls = evhttp_new(base);
  evhttp_set_bevcb(tls, over_tls, context);
  evhttp_set_gencb(plain, hello, &answer);
  evhttp_set_gencb(tls, hello, &answer);
  std::printf("%d %d\n", listen_on_loopback(plain), listen_on_loopback(tls));
  std::fflush(stdout);
  event* input = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, stop, base);
  event_add(input, nullptr);
  event_base_dispatch(base);
  event_free(input);
  evhttp_free(plain);
  evhttp_free(tls);
  event_base_free(base);
  SSL_CTX_free(context);
  return EXIT_SUCCESS;
}
