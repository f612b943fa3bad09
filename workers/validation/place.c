/* Where a site is.
 *
 * Regions are held by their first two digits (regions.def): that is what the rule needs, to know
 * abroad, Hong Kong, Macao and Taiwan and codes that no province ever had. Distances are on a
 * sphere (haversine): half a percent off the ellipsoid at most, for a rule that warns at 300 km.
 */
#include "workers/validation/place.h"

#include <math.h>
#include <stddef.h>

#include "workers/runner/calendar.h"

static const struct {
    int prefix;
    int32_t from, to; /* YYYYMMDD, 0 open */
    int conditional;
} regions[] = {
#define REGION(prefix, from, to, conditional, name) {prefix, from, to, conditional},
#include "workers/validation/regions.def"
#undef REGION
};

enum lj_region lj_region_on(int32_t region, int32_t day)
{
    enum { PREFIX = 10000 };
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        if (regions[i].prefix != region / PREFIX)
            continue;
        if ((regions[i].from && day < lj_day_of_number(regions[i].from)) ||
            (regions[i].to && day > lj_day_of_number(regions[i].to)))
            return LJ_REGION_INVALID;
        return regions[i].conditional ? LJ_REGION_CONDITIONAL : LJ_REGION_PLAIN;
    }
    return LJ_REGION_INVALID;
}

int64_t lj_distance_km(double lat1, double lon1, double lat2, double lon2)
{
    static const double RADIUS_KM = 6371.0088, DEGREE = 0.017453292519943295;
    double dlat = sin((lat2 - lat1) * DEGREE / 2), dlon = sin((lon2 - lon1) * DEGREE / 2);
    double h = dlat * dlat + cos(lat1 * DEGREE) * cos(lat2 * DEGREE) * dlon * dlon;
    return (int64_t)(2 * RADIUS_KM * asin(sqrt(h < 1 ? h : 1)));
}
