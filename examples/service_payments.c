/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shop takes payments, on four threads. Half way a new version of it is
 * shipped: payments carry a coupon from then on. Now and then somebody
 * publishes a type that nobody registered, or bytes that are no message;
 * those cannot be parsed, but none is lost.
 *
 * usage: service_payments DIR SCHEMAS [COUNT]
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "payments.pb-c.h"
#include "service.h"

#define THREADS 4
#define UNREGISTERED_EVERY 10007
#define BROKEN_EVERY 15013

struct shop {
	struct service service;
	atomic_ulong next;
	unsigned long end;
	int has_coupons;
	char schema[SCHEMA_SIZE];
};

static const char *const currencies[] = {"EUR", "JPY", "SEK", "USD"};

static dp_status publish_paid(
	struct shop *shop, unsigned long n, dp_error **err)
{
	Shop__V1__Paid paid = SHOP__V1__PAID__INIT;
	dp_event ev = DP_EVENT_INIT;
	char order[32];
	char customer[32];
	char coupon[32];

	snprintf(order, sizeof(order), "order-%lu", n);
	snprintf(customer, sizeof(customer), "customer-%lu", n * 7919 % 5000);
	paid.order = order;
	paid.customer = customer;
	paid.amount_minor = 100 + (int64_t)(n * 2654435761u % 100000);
	paid.currency = (char *)currencies[n % 4];
	paid.method = (Shop__V1__Method)(1 + n % 3);
	if (shop->has_coupons) {
		snprintf(coupon, sizeof(coupon), "SPRING-%lu", n % 20);
		paid.coupon = coupon;
	}
	ev.key = customer;
	ev.dataschema = shop->schema;
	return service_publish(&shop->service, &ev, &paid.base, err);
}

static dp_status publish_unregistered(struct shop *shop, dp_error **err)
{
	dp_event ev = DP_EVENT_INIT;

	ev.type = "shop.v1.Refunded";
	ev.payload = (dp_bytes){"\x0a\x07order-1", 9};
	return service_publish_bytes(&shop->service, &ev, "dead", err);
}

static dp_status publish_broken(struct shop *shop, dp_error **err)
{
	dp_event ev = DP_EVENT_INIT;

	/* Field 1 says that it is 127 bytes long. */
	ev.type = "shop.v1.Paid";
	ev.payload = (dp_bytes){"\x0a\x7forder", 7};
	ev.dataschema = shop->schema;
	return service_publish_bytes(&shop->service, &ev, "dead", err);
}

static dp_status publish_next(
	struct shop *shop, unsigned long n, dp_error **err)
{
	dp_status st = publish_paid(shop, n, err);

	if (st == DP_OK && n % UNREGISTERED_EVERY == 100) {
		st = publish_unregistered(shop, err);
	}
	if (st == DP_OK && n % BROKEN_EVERY == 200) {
		st = publish_broken(shop, err);
	}
	return st;
}

/* Returns the error that ended it, or NULL. */
static void *take_payments(void *argument)
{
	struct shop *shop = argument;
	dp_error *err = NULL;

	for (;;) {
		unsigned long n = atomic_fetch_add(&shop->next, 1);

		if (n >= shop->end || publish_next(shop, n, &err) != DP_OK) {
			return err;
		}
	}
}

/* Takes payments up to number `end`. Returns the first error, or NULL. */
static dp_error *open_shop(struct shop *shop, unsigned long end)
{
	pthread_t threads[THREADS];
	void *errors[THREADS];
	size_t i;

	shop->end = end;
	for (i = 0; i < THREADS; i++) {
		pthread_create(&threads[i], NULL, take_payments, shop);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &errors[i]);
	}
	for (i = 1; i < THREADS; i++) {
		if (errors[0] == NULL) {
			errors[0] = errors[i];
		} else {
			dp_error_free(errors[i]);
		}
	}
	return errors[0];
}

/* Registers a version of the payments' schema, to be used from now on. */
static dp_status ship(struct shop *shop, const char *schemas, const char *file,
	dp_error **err)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", schemas, file);
	return service_register(
		&shop->service, path, "shop.v1.Paid", shop->schema, err);
}

static dp_error *run(
	struct shop *shop, const char *schemas, unsigned long count)
{
	dp_error *err = NULL;

	if (ship(shop, schemas, "payments.desc", &err) != DP_OK) {
		return err;
	}
	err = open_shop(shop, count / 2);
	if (err != NULL ||
		ship(shop, schemas, "payments_evolved.desc", &err) != DP_OK) {
		return err;
	}
	atomic_store(&shop->next, count / 2);
	shop->has_coupons = 1;
	return open_shop(shop, count);
}

int main(int argc, char **argv)
{
	static struct shop shop;
	unsigned long count = 200000;
	dp_error *err = NULL;

	if (argc < 3) {
		fprintf(stderr,
			"usage: service_payments DIR SCHEMAS [COUNT]\n");
		return 2;
	}
	if (argc > 3) {
		count = strtoul(argv[3], NULL, 10);
	}
	if (service_open(&shop.service, argv[1], "payments", &err) != DP_OK) {
		return service_failed(&shop.service, err);
	}
	err = run(&shop, argv[2], count);
	if (err != NULL || service_close(&shop.service, &err) != DP_OK) {
		return service_failed(&shop.service, err);
	}
	return 0;
}
