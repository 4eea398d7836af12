#include "shared/pki/verify.h"

#include <algorithm>

#include "shared/base/status.h"
#include "shared/pki/openssl.h"

namespace perigee {
namespace {

constexpr int kLongestChain = 4;

struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};

absl::Status Reason(X509_STORE_CTX* context) {
  const int error = X509_STORE_CTX_get_error(context);
  const int depth = X509_STORE_CTX_get_error_depth(context);
  return absl::UnauthenticatedError(
      absl::StrCat("the certificate is not to be trusted: ", X509_verify_cert_error_string(error), " (",
                   depth, " above the leaf)"));
}

}  // namespace

absl::Status VerifyChain(const Certificate& leaf, const Trust& trust, Purpose purpose, absl::Time at) {
  const openssl::OwnedStore store(X509_STORE_new());
  const openssl::OwnedStoreContext context(X509_STORE_CTX_new());
  const std::unique_ptr<STACK_OF(X509), FreeStack> intermediates(sk_X509_new_null());
  if (store == nullptr || context == nullptr || intermediates == nullptr) {
    return openssl::Error(absl::StatusCode::kResourceExhausted, "verifying a certificate");
  }
  for (const Certificate& root : trust.roots) {
    if (X509_STORE_add_cert(store.get(), root.get()) != 1) {
      return openssl::Error(absl::StatusCode::kInternal, "trusting a root");
    }
  }
  for (const Certificate& intermediate : trust.intermediates)
    sk_X509_push(intermediates.get(), intermediate.get());
  if (X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), intermediates.get()) != 1) {
    return openssl::Error(absl::StatusCode::kInternal, "verifying a certificate");
  }
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(at));
  X509_VERIFY_PARAM_set_depth(parameters, kLongestChain);
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_purpose(
      parameters, purpose == Purpose::kServer ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
  return X509_verify_cert(context.get()) == 1 ? absl::OkStatus() : Reason(context.get());
}

absl::Time BuildTime() {
  // Raised with each release. A date, not __DATE__: builds are reproducible.
  return absl::FromCivil(absl::CivilSecond(2026, 1, 1), absl::UTCTimeZone());
}

absl::Time VerificationTime(absl::Time clock, absl::Time floor) {
  return std::max({clock, floor, BuildTime()});
}

std::vector<absl::Time> VerificationTimes(absl::Time clock, absl::Time floor) {
  std::vector<absl::Time> times = {VerificationTime(clock, floor)};
  if (const absl::Time alone = VerificationTime(clock, absl::InfinitePast()); alone < times.front())
    times.push_back(alone);
  return times;
}

}  // namespace perigee
