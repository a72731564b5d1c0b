// Distances on the earth, and degrees as clients write them.
#include "broker/coordinates.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>

using broker::Coordinates;
using broker::distance_km;

TEST_CASE("distances are those of the great circle") {
  constexpr Coordinates paris{48.8567, 2.3508};
  constexpr Coordinates london{51.5074, -0.1278};
  constexpr Coordinates auckland{-36.8485, 174.7633};
  CHECK(distance_km(paris, london) == Approx(343.6).epsilon(0.005));
  CHECK(distance_km(london, paris) == distance_km(paris, london));
  CHECK(distance_km(paris, paris) == 0);
  // Over the date line, not around the earth.
  CHECK(distance_km({0, 179.5}, {0, -179.5}) == Approx(111.2).epsilon(0.005));
  CHECK(distance_km({90, 0}, {90, 123}) == Approx(0).margin(1e-6));
  // The largest there is.
  CHECK(distance_km({90, 0}, {-90, 0}) == Approx(20'015).epsilon(0.001));
  CHECK(distance_km({12.5, 45}, {-12.5, -135}) == Approx(20'015).epsilon(0.001));
  CHECK(distance_km(london, auckland) == Approx(18'340).epsilon(0.01));
  CHECK(distance_km({50, 8}, {50.00001, 8}) == Approx(0.00111).epsilon(0.01));
}

TEST_CASE("what is not on the earth is found out") {
  CHECK(broker::on_earth({90, -180}));
  CHECK_FALSE(broker::on_earth({90.001, 0}));
  CHECK_FALSE(broker::on_earth({0, 180.001}));
  CHECK_FALSE(broker::on_earth({std::numeric_limits<double>::quiet_NaN(), 0}));
  CHECK_FALSE(broker::on_earth({0, std::numeric_limits<double>::infinity()}));
}

TEST_CASE("degrees are plain decimal numbers within their range") {
  CHECK(broker::parse_degrees("52.52", 90) == 52.52);
  CHECK(broker::parse_degrees("-0.1278", 180) == -0.1278);
  CHECK(broker::parse_degrees("7", 90) == 7);
  CHECK(broker::parse_degrees("-90", 90) == -90);
  for (const std::string text :
       {"",      "-",       ".",   "-.",  ".5",  "5.",   "1e1",
        "+5",    " 5",      "5 ",  "nan", "inf", "-inf", "0x5",
        "1.2.3", "90.0001", "-91", "1,5", "--1", "1-",   "52.5200000000000000000000000000000000",
        "5\n"}) {
    CAPTURE(text);
    CHECK_FALSE(broker::parse_degrees(text, 90));
  }
}
