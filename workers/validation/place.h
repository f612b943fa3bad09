/* Where a site is: its region's standing and distances. */
#ifndef LJ_WORKERS_VALIDATION_PLACE_H
#define LJ_WORKERS_VALIDATION_PLACE_H

#include <stdint.h>

enum lj_region { LJ_REGION_INVALID, LJ_REGION_PLAIN, LJ_REGION_CONDITIONAL };

/* What a region (GB/T 2260 as a number, e.g. 310000) is on a day, by regions.def. */
enum lj_region lj_region_on(int32_t region, int32_t day);

/* Great-circle distance in whole kilometres, floored. units: degrees */
int64_t lj_distance_km(double lat1, double lon1, double lat2, double lon2);

#endif
