#include "control-plane/http/tls_connection.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

absl::Status LibraryError(std::string_view what) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return absl::InternalError(absl::StrCat(ToAbsl(what), ": ", text.data()));
}

Bio Reader(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
}

absl::Status UseChain(SSL_CTX* context, const std::string& chain_pem) {
  const Bio reader = Reader(chain_pem);
  bool first = true;
  while (X509* certificate = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) {
    const std::unique_ptr<X509, decltype(&X509_free)> owned(certificate, &X509_free);
    const long done =
        first ? SSL_CTX_use_certificate(context, certificate) : SSL_CTX_add1_chain_cert(context, certificate);
    if (done != 1) return LibraryError("using the server's certificate");
    first = false;
  }
  ERR_clear_error();  // the end of the text is an error to the reader
  return first ? absl::InvalidArgumentError("the server's chain holds no certificate") : absl::OkStatus();
}

int MillisecondsUntil(TlsConnection::Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

}  // namespace

absl::StatusOr<std::shared_ptr<SSL_CTX>> NewServerContext(const std::string& key_pem,
                                                          const std::string& chain_pem) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (context == nullptr) return LibraryError("making a TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  PERIGEE_RETURN_IF_ERROR(UseChain(context.get(), chain_pem));
  const Bio reader = Reader(key_pem);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(reader.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  if (key == nullptr || SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    return LibraryError("using the server's key");
  }
  return context;
}

TlsConnection::TlsConnection(int socket, std::shared_ptr<SSL_CTX> context, Deadline deadline)
    : socket_(socket),
      deadline_(deadline),
      context_(std::move(context)),
      ssl_(SSL_new(context_.get()), &SSL_free) {}

absl::StatusOr<std::unique_ptr<TlsConnection>> TlsConnection::Accept(int socket,
                                                                     std::shared_ptr<SSL_CTX> context,
                                                                     Deadline deadline) {
  std::unique_ptr<TlsConnection> connection(new TlsConnection(socket, std::move(context), deadline));
  if (connection->ssl_ == nullptr || SSL_set_fd(connection->ssl_.get(), socket) != 1) {
    return LibraryError("making a TLS connection");
  }
  for (;;) {
    ERR_clear_error();
    const int result = SSL_accept(connection->ssl_.get());
    if (result == 1) return connection;
    PERIGEE_RETURN_IF_ERROR(connection->WaitAfter(result));
  }
}

absl::Status TlsConnection::WaitAfter(int result) {
  pollfd wanted{.fd = socket_, .events = 0, .revents = 0};
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      wanted.events = POLLIN;
      break;
    case SSL_ERROR_WANT_WRITE:
      wanted.events = POLLOUT;
      break;
    default:
      ERR_clear_error();
      return absl::UnavailableError("the peer ended the connection or does not speak TLS 1.3");
  }
  for (;;) {
    const int milliseconds = MillisecondsUntil(deadline_);
    const int ready = poll(&wanted, 1, milliseconds);
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "waiting for a TLS peer");
    if (milliseconds == 0) return absl::DeadlineExceededError("the peer took too long");
  }
}

absl::StatusOr<size_t> TlsConnection::Read(char* buffer, size_t size) {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_read(ssl_.get(), buffer, static_cast<int>(std::min<size_t>(size, 1 << 20)));
    if (result > 0) return static_cast<size_t>(result);
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_ZERO_RETURN) return 0;
    PERIGEE_RETURN_IF_ERROR(WaitAfter(result));
  }
}

absl::Status TlsConnection::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    ERR_clear_error();
    const int result =
        SSL_write(ssl_.get(), bytes.data(), static_cast<int>(std::min<size_t>(bytes.size(), 1 << 20)));
    if (result > 0) {
      bytes.remove_prefix(static_cast<size_t>(result));
      continue;
    }
    PERIGEE_RETURN_IF_ERROR(WaitAfter(result));
  }
  return absl::OkStatus();
}

void TlsConnection::Finish(size_t drain) {
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  if (drain == 0) return;
  shutdown(socket_, SHUT_WR);
  std::array<char, 16384> dropped;
  for (size_t total = 0; total < drain;) {
    const ssize_t count = recv(socket_, dropped.data(), dropped.size(), 0);
    if (count == 0) return;
    if (count > 0) {
      total += static_cast<size_t>(count);
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return;
    pollfd wanted{.fd = socket_, .events = POLLIN, .revents = 0};
    if (poll(&wanted, 1, std::min(MillisecondsUntil(deadline_), 1000)) <= 0) return;
  }
}

}  // namespace perigee::control
