/** What `sallyport/testing` is. docs/testing.md shows its use. */
export type { TestPeople, TestPerson } from './people.ts'
export type { SeenRequest } from './seen-requests.ts'
export { type Line, startTestGateway, type TestGateway, type TestGatewayOptions } from './start-test-gateway.ts'
export { navigation, type SignInOptions } from './visitor.ts'
