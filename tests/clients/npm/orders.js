// An app on npm's amazon-sp-api, as its users have it: reads one JSON line of settings, prints one of orders.
//   node orders.js NODE_MODULES < settings
const path = require('path');
const modules = path.resolve(process.argv[2]);
const {SellingPartner} = require(path.join(modules, 'amazon-sp-api'));
const {HttpsProxyAgent} = require(path.join(modules, 'https-proxy-agent'));

async function main() {
  const settings = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  const client = new SellingPartner({
    region: 'eu',
    refresh_token: settings.refresh_token,
    credentials: {
      SELLING_PARTNER_APP_CLIENT_ID: settings.client_id,
      SELLING_PARTNER_APP_CLIENT_SECRET: settings.client_secret
    },
    options: {https_proxy_agent: new HttpsProxyAgent(settings.proxy)}
  });
  const found = await client.callAPI({
    operation: 'getOrders',
    endpoint: 'orders',
    query: {MarketplaceIds: settings.marketplaces, CreatedAfter: settings.since}
  });
  const one = await client.callAPI({
    operation: 'getOrder',
    endpoint: 'orders',
    path: {orderId: found.Orders[0].AmazonOrderId}
  });
  process.stdout.write(JSON.stringify({orders: found.Orders, one}) + '\n');
}

main().catch((error) => {
  process.stderr.write(String(error.code || error.name) + '\n');
  process.exit(1);
});
