// Whom a revocation is about: its client or CSP, and nobody whose name merely looks alike.
#include <catch2/catch.hpp>

#include "relay/snapshot.h"

using plugin::hash_of_who;
using plugin::Revocations;

namespace {
constexpr broker::UnixSeconds then_s = 1'790'000'000;
}

TEST_CASE("a client's revocation covers what it was issued until then") {
  Revocations revocations;
  revocations.by_who[hash_of_who("acme/audio/alice")] = then_s;
  CHECK(revocations.cover("acme", hash_of_who("acme/audio/alice"), then_s - 1));
  CHECK(revocations.cover("acme", hash_of_who("acme/audio/alice"), then_s));
  CHECK_FALSE(revocations.cover("acme", hash_of_who("acme/audio/alice"), then_s + 1));
  CHECK_FALSE(revocations.cover("acme", hash_of_who("acme/audio/bob"), then_s));
}

TEST_CASE("a name that was chosen to look like another's to a common hash is another's still") {
  // FNV-1a of 64 bits does not tell these two apart.
  const auto mine = hash_of_who("8yn0iYCKYHlIj4-BwPqk");
  const auto theirs = hash_of_who("GReLUrM4wMqfg9yzV3KQ");
  Revocations revocations;
  revocations.by_who[mine] = then_s;
  CHECK(revocations.cover("acme", mine, then_s));
  CHECK_FALSE(revocations.cover("acme", theirs, then_s));
}

TEST_CASE("no name is that of a slot without a credential") { CHECK(hash_of_who("") != 0); }
