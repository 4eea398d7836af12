#include "shared/pki/openssl.h"

#include <openssl/err.h>

#include <climits>
#include <ctime>

#include "shared/base/status.h"

namespace perigee::openssl {

absl::Status Error(absl::StatusCode code, std::string_view what) {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  if (reason == nullptr) return absl::Status(code, ToAbsl(what));
  return absl::Status(code, absl::StrCat(ToAbsl(what), ": ", reason));
}

OwnedBio Reader(std::string_view bytes) {
  PERIGEE_ASSERT(bytes.size() <= INT_MAX);
  // A null pointer would be refused even for no bytes.
  return OwnedBio(BIO_new_mem_buf(bytes.empty() ? "" : bytes.data(), static_cast<int>(bytes.size())));
}

OwnedBio Writer() {
  return OwnedBio(BIO_new(BIO_s_mem()));
}

std::string Written(BIO* writer) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(writer, &data);
  return size <= 0 ? std::string() : std::string(data, static_cast<size_t>(size));
}

absl::Time ToTime(const ASN1_TIME* time) {
  tm broken_down{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &broken_down) != 1) return absl::InfinitePast();
  return absl::FromTM(broken_down, absl::UTCTimeZone());
}

}  // namespace perigee::openssl
